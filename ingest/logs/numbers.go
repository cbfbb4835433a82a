package logs

import (
	"regexp"
	"strings"
)

// numberForm says how the numbers of a table are written: spreadsheets write thousands with points,
// commas, spaces or apostrophes, and decimals with a comma.
type numberForm struct {
	separator byte // of the cells
	commas    bool // decimal commas were seen, so a point separates thousands
}

// formOfNumbers looks at the beginning of a table.
func formOfNumbers(separator byte, head []byte) numberForm {
	return numberForm{separator, separator != ',' && decimalComma.Match(head)}
}

// decimalComma fits a number with a decimal comma between separators that are none.
var decimalComma = regexp.MustCompile(`(?m)[;\t"]\d{1,3}(\.?\d{3})*,\d+("|;|\t|\r?$)`)

var (
	pointThousands = regexp.MustCompile(`^\d{1,3}(\.\d{3})+$`)
	commaThousands = regexp.MustCompile(`^\d{1,3}(,\d{3})+$`)
	otherThousands = regexp.MustCompile("^\\d{1,3}([ '\u00a0\u202f\u2019]\\d{3})+([.,]\\d+)?$")
	commaNumber    = regexp.MustCompile(`^-?\d{1,3}(\.\d{3})*,\d+$|^-?\d+,\d+$`)
)

// plain writes a number of the column name as JSON has it; whole says that it has no decimals. The
// reason says why a number that may mean two things is not taken.
func (f numberForm) plain(name string, whole bool, s string) (plain, reason string) {
	s = strings.TrimSpace(s)
	if strings.Trim(s, "0123456789") == "" {
		return s, ""
	}
	switch {
	case otherThousands.MatchString(s):
		s = strings.NewReplacer(" ", "", "'", "", "\u00a0", "", "\u202f", "", "\u2019", "", ",", ".").
			Replace(s)
	case pointThousands.MatchString(s) &&
		(f.commas || strings.Count(s, ".") > 1 || whole && f.separator != ','):
		s = strings.ReplaceAll(s, ".", "")
	case pointThousands.MatchString(s) && whole:
		return "", name + " has a point: separators of thousands must be left out"
	case commaThousands.MatchString(s) && whole && !f.commas:
		s = strings.ReplaceAll(s, ",", "")
	case commaNumber.MatchString(s) && f.separator != ',':
		s = strings.Replace(strings.ReplaceAll(s, ".", ""), ",", ".", 1)
	case strings.Contains(s, ","):
		return "", name + " has a decimal comma or separators of thousands: write 1234.5"
	}
	return s, ""
}

// isNothing says whether a cell is one of the ways to write that there is no value, as
// spreadsheets, databases and pandas have them.
func isNothing(cell string) bool {
	switch cell {
	case "", "-", "NULL", "null", "NaN", "nan", `\N`, "None", "N/A", "n/a", "#N/A":
		return true
	}
	return false
}
