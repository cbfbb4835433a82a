// Package text makes text from outside fit to be shown: on a terminal, in Markdown and on the page.
// It takes every name, URL and client for hostile.
package text

import (
	"fmt"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/jedib0t/go-pretty/v6/text"
)

// The longest texts that a table and Markdown show, in columns. JSON, CSV and HTML have them whole.
const (
	MaxName   = 80
	MaxDetail = 600
)

// narrow counts characters such as × as one column wide in every locale, so that a table does not
// depend on the environment.
var narrow = sync.OnceFunc(func() { text.OverrideRuneWidthEastAsianWidth(false) })

// Clean makes text from outside fit to be shown: what is not printable (control characters and with
// them escape sequences, line ends, marks that turn the direction of the text, invisible ones)
// becomes \u202e, a broken byte \xff.
func Clean(s string) string {
	if printable(s) {
		return s
	}
	var b strings.Builder
	for i, r := range s {
		switch {
		case r == utf8.RuneError && brokenAt(s, i):
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case unicode.IsPrint(r):
			b.WriteRune(r)
		case r > 0xffff:
			fmt.Fprintf(&b, `\U%08x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

func printable(s string) bool {
	for i, r := range s {
		if !unicode.IsPrint(r) || r == utf8.RuneError && brokenAt(s, i) {
			return false
		}
	}
	return true
}

func brokenAt(s string, i int) bool {
	_, n := utf8.DecodeRuneInString(s[i:])
	return n == 1
}

// Brief cleans and shortens to a number of columns.
func Brief(s string, columns int) string { return Shorten(Clean(s), columns) }

// Shorten cuts the end of a clean text. A combining mark counts as a column: otherwise thousands of
// them would fit.
func Shorten(s string, columns int) string {
	if utf8.RuneCountInString(s) <= columns && Width(s) <= columns {
		return s
	}
	used := 0
	for i, r := range s {
		used += max(1, runeWidth(r))
		if used > columns-1 {
			return s[:i] + "…"
		}
	}
	return s
}

// ShortenMiddle keeps both ends: names often differ in the last letters only.
func ShortenMiddle(s string, columns int) string {
	if utf8.RuneCountInString(s) <= columns && Width(s) <= columns {
		return s
	}
	runes := []rune(s)
	tail, room := len(runes), columns/2
	for tail > 0 && room >= max(1, runeWidth(runes[tail-1])) {
		room -= max(1, runeWidth(runes[tail-1]))
		tail--
	}
	return Shorten(s, columns-columns/2) + string(runes[tail:])
}

// Width is how many columns a text takes on a terminal, colours aside.
func Width(s string) int {
	narrow()
	return text.StringWidthWithoutEscSequences(s)
}

// runeWidth is Width of a character.
func runeWidth(r rune) int {
	narrow()
	return text.RuneWidth(r)
}

// Wrap breaks a clean text at spaces, and inside words that are too long, into lines of so many
// columns.
func Wrap(s string, columns int) []string {
	var lines []string
	line := ""
	for _, word := range wordsOf(s) {
		for _, piece := range pieces(word, columns) {
			switch {
			case line == "":
				line = piece
			case Width(line)+1+Width(piece) <= columns:
				line += " " + piece
			default:
				lines = append(lines, line)
				line = piece
			}
		}
	}
	return append(lines, line)
}

// joints are where a long word, such as a URL or a zone, is best broken: after one of them.
const joints = "/_-.?&=:"

// wordsOf are the words of a text; a unit stays with its number.
func wordsOf(s string) []string {
	words := strings.Fields(s)
	kept := words[:0]
	for _, word := range words {
		if n := len(kept); n > 0 && isUnit(word) && endsInDigit(kept[n-1]) {
			kept[n-1] += " " + word
			continue
		}
		kept = append(kept, word)
	}
	return kept
}

func isUnit(word string) bool {
	switch strings.TrimRight(word, ".,;:)") {
	case "B", "kB", "MB", "GB", "TB", "PB", "ms", "s", "min", "h", "d":
		return true
	}
	return false
}

func endsInDigit(word string) bool {
	last := word[len(word)-1]
	return '0' <= last && last <= '9'
}

// pieces cuts a word into parts of at most so many columns, after a joint where that fills at least
// half a line.
func pieces(word string, columns int) []string {
	if Width(word) <= columns {
		return []string{word}
	}
	var parts []string
	start, used := 0, 0   // of the line
	joint, before := 0, 0 // after the last joint, and the columns up to it
	for i, r := range word {
		w := runeWidth(r)
		if i > start && used+w > columns {
			end := i
			if joint > start && 2*before >= columns {
				end, used = joint, used-before
			} else {
				used = 0
			}
			parts = append(parts, word[start:end])
			start = end
		}
		used += w
		if strings.ContainsRune(joints, r) {
			joint, before = i+utf8.RuneLen(r), used
		}
	}
	return append(parts, word[start:])
}

// ShellQuote writes an argument so that a POSIX shell reads it back; ok is false for a text that
// cannot be shown whole, or whose spaces a line break may swallow.
func ShellQuote(s string) (quoted string, ok bool) {
	if !printable(s) || len(s) > MaxName || strings.Join(strings.Fields(s), " ") != s {
		return "", false
	}
	plain := func(r rune) bool {
		return r == '-' || r == '_' || r == '.' ||
			r < utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsDigit(r))
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s, true
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'", true
}
