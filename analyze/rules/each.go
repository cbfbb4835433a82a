package rules

// each is the judge of rules that fire at every request that they hear. It keeps nothing.
type each struct {
	facts *Facts
	hit   func(*Facts, *Call) Evidence // ID and At are filled in
}

// every makes such judges.
func every(hit func(*Facts, *Call) Evidence) func(*Facts) Judge {
	return func(f *Facts) Judge { return &each{f, hit} }
}

func (j *each) Hear(c *Call, fire Fire) bool {
	e := j.hit(j.facts, c)
	e.ID, e.At, e.Classes = c.ID, c.StartedAt, c.ClassBit
	fire(e)
	return false
}

func (*each) End(int64, Fire) {}

// atEnd is the judge of rules that hear nothing and fire at the end.
type atEnd struct {
	facts *Facts
	end   func(f *Facts, asOf int64, fire Fire)
}

// finally makes such judges.
func finally(end func(f *Facts, asOf int64, fire Fire)) func(*Facts) Judge {
	return func(f *Facts) Judge { return &atEnd{f, end} }
}

func (*atEnd) Hear(*Call, Fire) bool { return false }

func (j *atEnd) End(asOf int64, fire Fire) { j.end(j.facts, asOf, fire) }

// onlyWord is the sentence of rules that fire once, at the end, with all that is to be said.
func onlyWord(f *Found) string {
	for word := range f.Words {
		return word
	}
	return ""
}

// hit is the evidence of the request just heard.
func hit(c *Call, why func() string) Evidence {
	return Evidence{ID: c.ID, At: c.StartedAt, Classes: c.ClassBit, Why: why}
}

// forgetOlder keeps a map of times from growing beyond what its rule looks back to.
func forgetOlder(m map[uint64]int64, than int64) {
	if len(m) < 1024 || len(m)&(len(m)-1) != 0 { // only at powers of two: amortized
		return
	}
	for k, at := range m {
		if at < than {
			delete(m, k)
		}
	}
}
