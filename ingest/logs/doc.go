// Package logs reads requests from the logs that other programs wrote, and writes them as JSON
// Lines.
//
// For most uses, Import reads a file of any known format into a Sink, which the store's import is:
//
//	how := logs.Options{Policy: policy, HashKey: key, Name: "access.log"}
//	result, err := logs.Import(ctx, file, sink, how)
//
// # Guarantees
//
// Every record of an input is either given to the sink or told as a Reject with line and reason:
// none is passed over. Memory is constant, whatever the length of the input or of a line. What the
// policy does not let be kept, and what looks like a secret or like somebody's number, reaches
// neither the sink nor a reason.
//
// WriteJSONL writes requests in a form that Import reads to equal requests.
//
// # What it does not do
//
// It does not decide whether a request is known already: the store does, by its identity. It does
// not open files and prints nothing.
package logs
