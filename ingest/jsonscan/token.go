package jsonscan

import (
	"math"
	"strconv"
)

// Token is a JSON value: for a string its text, for a number its digits as they are written.
type Token struct {
	Kind byte // see the constants
	Text string
}

// The kinds of a Token. The zero kind is a member that is absent or null.
const (
	Absent = 0
	String = 's'
	Number = 'n'
	True   = 't'
	False  = 'f'
	Other  = 'x' // an object or an array, as it is written, or a string that is not text
)

// IsSet says whether a flag is there and not false, empty or 0.
func (t Token) IsSet() bool {
	return t.Kind == True || t.Kind == String && t.Text != "" || t.Kind == Number && t.Text != "0"
}

// Whole reads a number of up to 18 digits without sign, fraction or exponent; an absent one is 0.
func (t *Token) Whole() (n int64, ok bool) {
	if t.Kind == Absent {
		return 0, true
	}
	if t.Kind != Number || len(t.Text) > 18 {
		return 0, false
	}
	n = Digits(t.Text)
	return n, n >= 0
}

// Count reads a number from 0 to most, rounded up; -1 where there is none.
func (t Token) Count(most int64) int64 {
	if t.Kind != Number {
		return -1
	}
	if n, ok := t.Whole(); ok {
		if n > most {
			return -1
		}
		return n
	}
	x, err := strconv.ParseFloat(t.Text, 64)
	if err != nil || x < 0 || x > float64(most) {
		return -1
	}
	return min(int64(math.Ceil(x)), most)
}

// Digits reads a short text of decimal digits only; -1 for anything else. The empty text is 0.
func Digits(s string) int64 {
	var n int64
	for i := 0; i < len(s); i++ {
		d := s[i] - '0'
		if d > 9 {
			return -1
		}
		n = n*10 + int64(d)
	}
	return n
}

// NumberEnd returns how many bytes of s are a JSON number, 0 for none.
func NumberEnd(s string) int {
	i := 0
	if i < len(s) && s[i] == '-' {
		i++
	}
	whole := digitRun(s[i:])
	if whole == 0 || whole > 1 && s[i] == '0' {
		return 0
	}
	i += whole
	if i < len(s) && s[i] == '.' {
		n := digitRun(s[i+1:])
		if n == 0 {
			return 0
		}
		i += 1 + n
	}
	if i < len(s) && s[i]|0x20 == 'e' {
		i++
		if i < len(s) && (s[i] == '+' || s[i] == '-') {
			i++
		}
		n := digitRun(s[i:])
		if n == 0 {
			return 0
		}
		i += n
	}
	return i
}

func digitRun(s string) int {
	i := 0
	for i < len(s) && s[i]-'0' <= 9 {
		i++
	}
	return i
}
