package story

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/6dcca832/headroom/internal/sim"
)

const (
	recordings = "/rest/api/v2/recordings"
	reports    = "/rest/api/v1/historic-data/"
)

// errOver ends a program: the story's time is up, or another program of the tenant failed.
var errOver = errors.New("the story is over")

// program is a client program of a tenant: it has a clock and a token of its own. A person who acts
// at the vendor is a program that sends nothing.
type program struct {
	tenant *tenant
	name   string
	clock  *sim.Clock
	http   *http.Client
	token  string
	rng    *rand.Rand
	turn   func() bool // waits until no other program is behind in time; false ends the program
	audio  time.Time   // when the last audio request was sent; zero means never
}

// request is what a program sends.
type request struct {
	class  sim.Class
	method string
	path   string
	body   []byte
}

// send makes one request when its turn has come, and writes down what happened.
func (p *program) send(ctx context.Context, r request) (int, []byte, error) {
	if err := p.wait(); err != nil {
		return 0, nil, err
	}
	u := "https://" + p.tenant.name + sim.Domain + r.path
	req, err := http.NewRequestWithContext(ctx, r.method, u, bytes.NewReader(r.body))
	if err != nil {
		return 0, nil, fmt.Errorf("make request: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+p.token)
	e := event{
		at:     p.clock.Now(),
		class:  r.class,
		client: p.name,
		params: r.method + r.path + string(r.body),
	}
	resp, err := p.http.Do(req)
	if err != nil {
		return 0, nil, fmt.Errorf("send request: %w", err)
	}
	body, n, err := drain(resp, r.class)
	if err != nil {
		return 0, nil, fmt.Errorf("read answer: %w", err)
	}
	e.status, e.bytes = resp.StatusCode, n
	p.tenant.events = append(p.tenant.events, e)
	return e.status, body, nil
}

// wait lets the other programs catch up, and makes sure that no two requests of a tenant start at
// the same time.
func (p *program) wait() error {
	for {
		if !p.turn() || p.clock.Now().After(p.tenant.story.End) {
			return errOver
		}
		last := len(p.tenant.events) - 1
		if last < 0 || p.clock.Now().After(p.tenant.events[last].at) {
			return nil
		}
		p.clock.Advance(time.Microsecond)
	}
}

// drain reads a body to its end and keeps it, unless it is audio.
func drain(resp *http.Response, class sim.Class) ([]byte, int64, error) {
	var kept bytes.Buffer
	var to io.Writer = &kept
	if class == sim.ClassAudio {
		to = io.Discard
	}
	n, err := io.Copy(to, resp.Body)
	return kept.Bytes(), n, errors.Join(err, resp.Body.Close())
}

// list asks for the recordings that started in [from, until) and returns their keys.
func (p *program) list(ctx context.Context, from, until time.Time) (int, []string, error) {
	q := url.Values{"startTime": {from.Format(time.RFC3339)}, "endTime": {until.Format(time.RFC3339)}}
	r := request{class: sim.ClassList, method: http.MethodGet, path: recordings + "?" + q.Encode()}
	status, body, err := p.send(ctx, r)
	if err != nil || status != http.StatusOK {
		return status, nil, err
	}
	var list []struct {
		RecordingKey string `json:"recordingKey"`
	}
	if err := json.Unmarshal(body, &list); err != nil {
		return status, nil, fmt.Errorf("read recording list: %w", err)
	}
	keys := make([]string, len(list))
	for i, r := range list {
		keys[i] = r.RecordingKey
	}
	return status, keys, nil
}

// download fetches one recording, gap or a little more after the program's last one.
func (p *program) download(ctx context.Context, key string, gap time.Duration) (int, error) {
	if !p.audio.IsZero() {
		p.clock.Set(p.audio.Add(gap + p.jitter(400*time.Millisecond)))
	}
	p.audio = p.clock.Now()
	status, _, err := p.send(ctx,
		request{class: sim.ClassAudio, method: http.MethodGet, path: recordings + "/" + key})
	return status, err
}

// downloadAll fetches recordings one after the other, whatever the answers, and returns the keys
// that failed.
func (p *program) downloadAll(ctx context.Context, keys []string) (failed []string, err error) {
	for _, key := range keys {
		status, err := p.download(ctx, key, pace)
		if err != nil {
			return nil, err
		}
		if status != http.StatusOK {
			failed = append(failed, key)
		}
	}
	return failed, nil
}

// report asks for a historical report about one day.
func (p *program) report(ctx context.Context, id string, day time.Time) (int, error) {
	date := day.Format(time.DateOnly)
	body, err := json.Marshal(sim.ReportQuery{Format: "json", Parameters: []sim.ReportParameter{
		{Name: "startDate", ValueType: "DATE", Value: date},
		{Name: "endDate", ValueType: "DATE", Value: date},
	}})
	if err != nil {
		return 0, fmt.Errorf("write report parameters: %w", err)
	}
	status, _, err := p.send(ctx,
		request{class: sim.ClassReport, method: http.MethodPost, path: reports + id, body: body})
	return status, err
}

// dial lets an agent's telephone ring.
func (p *program) dial(ctx context.Context, extension int, number string) error {
	body, err := json.Marshal(sim.Action{NumberToDial: number})
	if err != nil {
		return fmt.Errorf("write number: %w", err)
	}
	path := fmt.Sprintf("/rest/api/v1/agents/%d/click-to-dial", extension)
	_, _, err = p.send(ctx,
		request{class: sim.ClassDial, method: http.MethodPost, path: path, body: body})
	return err
}

// jitter draws a part of d.
func (p *program) jitter(
	d time.Duration,
) time.Duration {
	return time.Duration(p.rng.Int64N(int64(d)))
}

// number is a telephone number that tests can recognise.
func number(n int) string {
	return strings.Replace("+15550100xyz", "xyz", fmt.Sprintf("%03d", n%1000), 1)
}
