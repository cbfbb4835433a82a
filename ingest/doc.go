// Package ingest records the requests of a Go program's own HTTP client. Package ingest/logs reads
// the logs that other programs wrote, package ingest/proxy records programs that cannot be changed.
//
// For most uses, wrap the transport of an http.Client and give it the Recorder of an open store:
//
//	rec := store.NewRecorder(db)
//	defer rec.Close()
//	transport := ingest.NewTransport(nil, rec, ingest.WithHashKey(db.HashKey()))
//	client := &http.Client{Transport: transport}
//
// Put the Transport innermost: a retrying or caching layer above it then makes one row of each
// attempt.
//
// # Guarantees
//
// The Transport is an http.RoundTripper in the full sense of that contract: requests are not
// modified, answers and errors are the base's own, bodies stream through in constant memory, and a
// Recorder in trouble never fails or delays a call.
//
// Bytes are those of bodies on the wire, packed where the answer was compressed, counted as the
// caller reads them, to the end or to the abort.
//
// No header, no cookie, no body and no error text is kept; of a recording list's body, key, start,
// length and size of each recording are. Of a URL only what the policy lists is kept; whether two
// requests had the same parameters is told by a digest under the database's own key, see Params.
//
// # What it does not do
//
// It does not count header bytes, TLS or retransmissions, which limits on egress are not known to
// count either. It does not see what a base retries by itself, such as net/http's second try on a
// kept connection that turned out to be dead: that is one row. It does not record an answer whose
// body is neither read to its end nor closed.
package ingest
