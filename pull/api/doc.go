// Package api is a typed client of the documented endpoints of the Xima CCaaS API: the recording
// list, recording audio, historical reports with their 202, click to dial, and the callback whose
// path the policy gives.
//
// For most uses, put an ingest.Transport below the client, so that every attempt is a row:
//
//	rt := ingest.NewTransport(nil, rec, ingest.WithHashKey(key), ingest.WithPace(log))
//	c, err := api.New("acme", token, api.WithTransport(rt))
//	list, err := c.Recordings(ctx, from, to)
//	audio, err := c.Audio(ctx, list[0].Key, 0)
//
// # Guarantees
//
// Paths come from the policy's routes, and what each status means from its roles; only the bodies'
// member names stand here. A request is repeated only where its role says that a repeat can help,
// never sooner than the vendor's answer or the policy asks for, and a bounded number of times. A
// status that ends the request is an *Error, which says the role. The token goes to the tenant's
// host alone: it does not follow a redirect to another host.
//
// Requests for recordings, lists included, start at least the policy's interval and a margin apart,
// repeats included: the vendor's best practice speaks of "GET requests for recordings", which may
// mean both, and requests arrive a little closer together than they start.
//
// # What it does not do
//
// It knows of no other program's requests: ingest.WithPace keeps the interval with all programs
// that share a log. It stores nothing: package pull does.
package api
