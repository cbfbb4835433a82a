package forecast

import "math"

// state is what the last days were, where they were not like the pattern.
type state struct {
	missed int     // days up to the last that were empty though they should not have been
	lost   float64 // what they should have brought
	// due counts the misses of the past that ended, caught how many of them came with the next pull.
	due, caught float64
	// nights counts missed nights of the past, on those of them after which another was missed.
	nights, on float64
	// run are the days up to the last that were far above (or below) the profile; own and said are
	// what they brought and what had been said of them.
	run       int
	up        bool
	own, said float64
}

const (
	// catchPrior is how likely a missed night is caught up, before the tenant has shown it;
	// catchWeight is how many it counts.
	catchPrior, catchWeight = .5, 2.
	// catchReach is the days of silence after which a catch-up is hardly to be expected; see faded.
	catchReach = 6.
	// catchUnsure is the mean |error| of what is caught up, in shares of it.
	catchUnsure = .2
	// outPrior is how likely another missed night follows a missed one, before the tenant has shown
	// it; outWeight is how many nights it counts. mostMore are the further missed nights that are
	// thought of.
	outPrior, outWeight = .25, 4.
	mostMore            = 2
	// longMiss are the missed nights that are a silence, of which nothing is learned.
	longMiss = 3
	// silence is the days without a pull after which it is as likely as not, beside one, that none
	// comes for long.
	silence = 6.
	// From stepUp times the profile, or below stepDown times it, a day is far off, if that is stepSure
	// mean deviations of its weekday. After stepDays such days the profile is moved. stepWeights are
	// how likely a new level is after 0, 1, … of them. Less strict limits cost up to .01 of the
	// pinball loss on public series, by holidays that nobody named.
	stepUp, stepDown, stepSure = 1.6, .5, 5.
	stepDays                   = 6
)

var stepWeights = [stepDays + 1]float64{0, .05, .1, .15, .2, .6, .75}

// miss takes in a missed night, with what it should have brought.
func (s *state) miss(lost float64) {
	if s.missed > 0 && s.missed <= repairReach {
		s.nights++
		s.on++
	}
	s.missed++
	s.lost += lost
}

// pull takes in a day that was not missed: own are its bytes without labelled ones, labelled those
// labelled as caught up, said what the profile said, and dev the mean deviation from it. It returns
// how many of own are caught up without a label.
func (s *state) pull(own, labelled, said, dev float64) (caught float64) {
	if s.missed > 0 {
		caught = math.Max(0, math.Min(own-said, s.lost-labelled))
		if s.missed <= repairReach && s.lost > 0 {
			s.nights++
			s.due++
			s.caught += math.Round(math.Min((caught+labelled)/s.lost, 1))
		}
		s.missed, s.lost = 0, 0
	}
	s.step(own-caught, said, dev)
	return caught
}

// step counts the days of a new level.
func (s *state) step(own, said, dev float64) {
	up, down := own > math.Max(stepUp*said, said+stepSure*dev), own < math.Min(stepDown*said,
		said-stepSure*dev)
	if !up && !down || s.run > 0 && up != s.up {
		s.run, s.own, s.said = 0, 0, 0
	}
	if up || down {
		s.run++
		s.up = up
		s.own += own
		s.said += said
	}
}

// factor is the new level over the old.
func (s *state) factor() float64 {
	return math.Max(1./mostStep, math.Min(s.own/s.said, mostStep))
}

// mostStep bounds a new level.
const mostStep = 100

// catchUp is the chance that missed nights come with the next pull. It fades: what was not fetched
// for weeks is not fetched any more.
func (s *state) catchUp() float64 {
	old := float64(s.missed) / catchReach
	return (s.caught + catchPrior*catchWeight) / (s.due + catchWeight) * math.Exp(-old*old)
}

// silent is the chance that nothing comes for long.
func (s *state) silent() float64 {
	quiet := math.Max(0, float64(s.missed-2))
	return quiet / (quiet + silence)
}

// out is the chance that the night after a missed one is missed, too.
func (s *state) out() float64 {
	return (s.on + outPrior*outWeight) / (s.nights + outWeight)
}

// futures are the cases of the coming days, of which the profile says usual; without catch-ups
// where the caller knows what is to come.
func (s *state) futures(usual []float64, catchUps bool) []future {
	rest := future{weight: 1, factor: 1, days: usual}
	out := make([]future, 0, 5)
	split := func(weight float64, f future) {
		f.weight = weight
		rest.weight -= weight
		out = append(out, f)
	}
	if silent := s.silent(); silent > 0 {
		split(silent, future{days: make([]float64, len(usual))})
	}
	if s.missed > 0 && catchUps {
		out, rest.weight = s.caughtUp(out, usual, rest.weight)
	}
	if s.run > 1 && s.said > 0 {
		factor := s.factor()
		days := make([]float64, len(usual))
		for j, v := range usual {
			days[j] = factor * v
		}
		split(rest.weight*stepWeights[min(s.run, stepDays)], future{factor: factor, days: days})
	}
	return append(out, rest)
}

// caughtUp appends the cases in which what was lost comes with the next pull, tonight or after more
// missed nights. Of the weight, it returns what is left.
func (s *state) caughtUp(out []future, usual []float64, weight float64) ([]future, float64) {
	on, all := s.out(), weight*s.catchUp()
	left, lost := all, s.lost
	for more := range mostMore + 1 {
		w := left * (1 - on)
		if more == mostMore {
			w = left
		}
		f := future{
			weight: w,
			factor: 1,
			days:   append([]float64{}, usual...),
			unsure: make([]float64, len(usual)),
		}
		clear(f.days[:more])
		f.days[more] += lost
		f.unsure[more] = catchUnsure * lost
		out = append(out, f)
		left -= w
		lost += usual[more]
	}
	return out, weight - all
}
