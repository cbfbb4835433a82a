// Package sim plays the contact-centre vendor's API, for tests and for the demo.
//
// For most uses, make a Vendor with NewVendor, serve it with Start and give Server.Transport to a
// client, which then speaks HTTPS over TCP on loopback to https://<hostname>.xima.cloud. Where time
// is to be simulated, give every tenant a Clock and put a Line between the client and the Server's
// transport.
//
// The Vendor follows the vendor's public pages to the letter and shares neither code nor numbers
// with the packages that audit them, so that an error there cannot hide behind the same error here.
//
// # Guarantees
//
// The same Config gives the same recordings, sizes and answers. Bodies are really sent, byte for
// byte of the size that the recording list declares. Everything personal in an answer (numbers,
// names) holds one of the marks that Canaries returns, and so do the tokens: where none of them is
// found, nothing personal was kept.
//
// # Decisions where the vendor's pages are silent
//
//   - A request is judged in this order: token (401), path (404), role (403), method (405), form of
//     the query or body (400), frequency (429), injected faults, the key or id named in the path
//     (404), meaning of the body (422), egress (509).
//   - A 429 does not start a new interval: gaps are measured from the last audio request that was
//     let through. Config's CountRefused gives the stricter reading. What fails before the
//     frequency rule does not count for it either.
//   - All body bytes of answers to audio requests count as egress, at the time the request arrived,
//     whatever the status. An aborted body counts what was sent of it.
//   - The egress cap is reached when the sum over the last 120 hours is at or over it; the request
//     that crosses it is still answered in full.
//   - A recording can be listed and fetched as soon as the call has ended, and for 400 days.
//   - A report that answered 202 is ready at the next request with the same parameters, or after
//     Config's ReportBuild.
//
// # What it does not do
//
// It knows no paging, compression or HTTP/2, of ranges only "bytes=N-", and the paths of callback,
// realtime and roster requests are invented, because the vendor does not publish them.
package sim
