// Package proxy records the calls of programs that are not ours: it stands between them and the
// vendor, and passes on what they say.
//
// For most uses, make an Authority for the policy's hosts and a Proxy with New, let it Serve a
// listener on loopback, and end it with Shutdown. A program reaches it in one of three ways:
//
//   - reverse: it asks for http://ADDRESS/t/TENANT/PATH, which goes to the tenant's host. No
//     certificate is involved.
//   - forward, plain: it uses the Proxy as its HTTP proxy.
//   - forward, CONNECT: the policy's hosts are opened with a certificate of the Authority, which
//     the program must trust (Authority.Environment tells the usual runtimes to). All other hosts
//     are tunnelled untouched.
//
// # Guarantees
//
// There is one way out: whatever comes in, one reverse proxy of net/http/httputil sends it through
// an ingest.Transport, whose guarantees hold here too. Bodies stream in both directions in constant
// memory, compressed bodies stay as they are, ranges, 100-continue, trailers and upgrades such as
// WebSocket are passed, and hop-by-hop fields end here (RFC 9110, section 7.6.1). The vendor's
// certificate is verified. Nothing is added to what the vendor gets: no Via, since servers answer
// differently where they see one. A loop is refused where it closes: the Proxy does not connect to
// itself, and two of them that lead to each other notice.
//
// The port serves programs of the Proxy's own user, or with a password, and no web page (guard.go).
// What it refuses is recorded nowhere. No program can get an answer from the vendor's hosts past
// the record: an upgrade is passed on for WebSocket only, the field Host must name the host that
// CONNECT did, and a path cannot lead out of an upstream's base.
//
// A program that refuses our certificate is tunnelled from its second connection on, and each of
// its connections is recorded as one opaque request: method CONNECT, host, time, and the bytes of
// both directions, those of TLS included.
//
// The Authority's key is in no file, and the certificate is good for the policy's hosts only.
//
// # What it does not do
//
// It stores no header and adds no token: whoever may use the port gains nothing that he did not
// have. It does not rewrite bodies: an absolute link in an answer leads past a reverse proxy. A
// cookie that names the vendor's domain is not taken by a client of the reverse proxy.
package proxy
