// Package report writes what package analyze found out, for people, scripts, spreadsheets and
// tickets.
//
// For most uses, Audit writes a report in one of the Formats:
//
//	err := report.Audit(os.Stdout, r, report.Options{Format: "table", Color: true})
//
// Package page writes the same as one HTML page that needs nothing else. Forecast and Scores write
// forecasts and how good they were. Explain lists the requests behind a finding, Tenants the
// tenants known.
//
// # Formats
//
// A table has the tenants, worst first, then the findings of those that do not pass, then notes; it
// keeps to Options.Width columns. JSON has the schema "headroom.audit/v2" and is exact: bytes,
// microseconds, whole names.
//
// CSV has one header for five kinds of row, named by the first column: a "tenant" row, then its
// "reset", "incident", "status" and "finding" rows. The column count means what the rule counts in
// a finding, and requests elsewhere. A column that a kind does not have, and a value that is not
// known, is an empty cell.
//
// Markdown is for GitHub and for ticket systems that know its tables.
//
// # Guarantees
//
// The same report and the same Options give the same bytes. What was read from outside (names,
// URLs, client names) is taken as hostile: no control character, escape sequence or character that
// turns the direction of the text reaches a terminal, a spreadsheet, Markdown or HTML; they are
// shown as \u202e and the like. In CSV a text that a spreadsheet would take for a formula gets a '
// before it. In JSON such characters are escaped as JSON does it, so that the value is unchanged.
// Nothing is written when something fails on the way.
//
// Numbers are written as package measure writes them.
//
// # What it does not do
//
// It opens no file, no store and no network connection, asks no clock and no environment, and
// judges nothing.
package report
