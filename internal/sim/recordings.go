package sim

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"
)

// kept is how long a recording can be fetched.
const kept = 400 * 24 * time.Hour

// uuidLength is the length of a UUID in its usual spelling.
const uuidLength = 36

// Recording is one entry of the vendor's recording list, with the names as the vendor spells them.
type Recording struct {
	RecordingKey      string `json:"recordingKey"`
	CallKey           string `json:"callKey"`
	StartTime         int64  `json:"startTime"` // milliseconds since 1970
	Duration          int64  `json:"duration"`  // milliseconds
	Size              int64  `json:"size"`      // bytes
	EventID           int64  `json:"eventId"`
	RecordingSystemID int64  `json:"recordingSystemId"`
	Status            string `json:"status"`
	CallingParty      string `json:"callingParty"`
	ReceivingParty    string `json:"receivingParty"`
	TenantName        string `json:"tenantName"`
	TagData           string `json:"tagData"`
	CallDirection     string `json:"callDirection"`
	Skill             string `json:"skill"`
	Agent             string `json:"agent"`
}

// Start is the time at which the recording began, in UTC.
func (r *Recording) Start() time.Time { return time.UnixMilli(r.StartTime).UTC() }

// End is the time at which the recording ended, in UTC.
func (r *Recording) End() time.Time { return time.UnixMilli(r.StartTime + r.Duration).UTC() }

// Canaries returns the marks that all personal data and all tokens of the simulator hold, one of
// them each.
func Canaries() []string { return []string{"15550100", "Canary"} }

// canaryNumber is a telephone number that cannot belong to anyone.
func canaryNumber(n int) string { return fmt.Sprintf("+15550100%03d", n%1000) }

var surnames = []string{
	"Ashdown",
	"Birchall",
	"Cotterill",
	"Dunsmore",
	"Eastlake",
	"Fenwright",
	"Garrowby",
	"Holmsey",
}

// agentName is the vendor's spelling of an agent: the name, and the extension in brackets.
func agentName(n int) string {
	return fmt.Sprintf("Canary %s(%d)", surnames[n%len(surnames)], firstExtension+n)
}

// calls makes up and remembers what the agents of one tenant recorded.
type calls struct {
	cfg  Config
	days map[string][]Recording
}

// between returns the recordings that start in [from, until), in order of start.
func (c *calls) between(from, until time.Time) []Recording {
	list := []Recording{}
	from, until = from.In(c.cfg.Location), until.In(c.cfg.Location)
	for day := noon(from); !day.After(noon(until)); day = day.AddDate(0, 0, 1) {
		for _, r := range c.day(day) {
			if !r.Start().Before(from) && r.Start().Before(until) {
				list = append(list, r)
			}
		}
	}
	return list
}

// find returns the recording with the given key, or nil.
func (c *calls) find(key string) *Recording {
	if len(key) < uuidLength+2 {
		return nil
	}
	ms, err := strconv.ParseInt(key[uuidLength+1:], 10, 64)
	if err != nil || ms < 0 || ms > math.MaxInt64/int64(time.Millisecond) {
		return nil
	}
	day := c.day(time.UnixMilli(ms).In(c.cfg.Location))
	i := slices.IndexFunc(day, func(r Recording) bool { return r.RecordingKey == key })
	if i < 0 {
		return nil
	}
	return &day[i]
}

// day returns the recordings of the calendar day that t falls on at the tenant's place.
func (c *calls) day(t time.Time) []Recording {
	date := t.Format(time.DateOnly)
	if list, ok := c.days[date]; ok {
		return list
	}
	rng := rand.New(rand.NewPCG(c.cfg.Seed, hash(c.cfg.Seed, c.cfg.Name, date)))
	present := float64(c.cfg.Agents)
	if wd := t.Weekday(); wd == time.Saturday || wd == time.Sunday {
		present *= c.cfg.Weekend
	}
	var list []Recording
	for agent := range int(math.Round(present)) {
		list = c.shift(list, rng, agent, t)
	}
	slices.SortStableFunc(list, func(a, b Recording) int { return int(a.StartTime - b.StartTime) })
	c.days[date] = list
	return list
}

// shift appends one agent's recordings of one day: pauses and calls in turn from 9 to 17 o'clock,
// with longer pauses at lunch time.
func (c *calls) shift(list []Recording, rng *rand.Rand, agent int, day time.Time) []Recording {
	y, m, d := day.Date()
	at := time.Date(y, m, d, 9, 0, 0, 0, c.cfg.Location)
	end := time.Date(y, m, d, 17, 0, 0, 0, c.cfg.Location)
	meanPause := c.cfg.MeanCall.Seconds() * (1 - c.cfg.Occupancy) / c.cfg.Occupancy
	for {
		pause := rng.ExpFloat64() * meanPause * crowd(at)
		at = at.Add(time.Duration(pause * float64(time.Second))).Truncate(time.Millisecond)
		long := c.length(rng)
		if at.Add(long).After(end) {
			return list
		}
		list = append(list, c.record(rng, agent, at, long))
		at = at.Add(long)
	}
}

// crowd says how the pauses stretch in the course of a day; it is about 1 on average.
func crowd(at time.Time) float64 {
	switch at.Hour() {
	case 10, 11, 14, 15:
		return 0.8
	case 12, 13:
		return 1.5
	}
	return 1
}

// length draws the length of a call: log-normal around the mean, at least a second, whole
// milliseconds.
func (c *calls) length(rng *rand.Rand) time.Duration {
	const sigma = 0.6
	seconds := c.cfg.MeanCall.Seconds() * math.Exp(sigma*rng.NormFloat64()-sigma*sigma/2)
	return max(time.Second, time.Duration(seconds*1000)*time.Millisecond)
}

func (c *calls) record(rng *rand.Rand, agent int, at time.Time, long time.Duration) Recording {
	noise := 1 + 0.02*rng.NormFloat64()
	r := Recording{
		StartTime:         at.UnixMilli(),
		Duration:          long.Milliseconds(),
		Size:              max(1, int64(long.Seconds()*c.cfg.BytesPerSecond*noise)),
		EventID:           rng.Int64N(1 << 40),
		RecordingSystemID: 1,
		Status:            "SAVED",
		CallingParty:      canaryNumber(rng.IntN(1000)),
		ReceivingParty:    agentName(agent),
		TenantName:        c.cfg.Name,
		CallDirection:     "INBOUND",
		Skill:             skills[rng.IntN(len(skills))],
		Agent:             agentName(agent),
	}
	if rng.IntN(4) == 0 {
		r.CallDirection = "OUTBOUND"
		r.CallingParty, r.ReceivingParty = r.ReceivingParty, r.CallingParty
	}
	r.RecordingKey = fmt.Sprintf("%s-%d", uuid(rng), r.StartTime)
	r.CallKey = fmt.Sprintf("%s-%d-%d", uuid(rng), r.StartTime, r.StartTime+r.Duration)
	return r
}

var skills = []string{"Billing", "Sales", "Support"}

// uuid draws a random UUID (version 4).
func uuid(rng *rand.Rand) string {
	a, b := rng.Uint64(), rng.Uint64()
	a = a&^0xf000 | 0x4000
	b = b&^(3<<62) | 2<<62
	s := fmt.Sprintf("%016x%016x", a, b)
	return strings.Join([]string{s[:8], s[8:12], s[12:16], s[16:20], s[20:]}, "-")
}

// noon is midday of t's calendar day; stepping from noon to noon survives changes of the clocks.
func noon(t time.Time) time.Time {
	y, m, d := t.Date()
	return time.Date(y, m, d, 12, 0, 0, 0, t.Location())
}
