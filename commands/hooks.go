package commands

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os/exec"
	"strings"
	"time"

	"github.com/6dcca832/headroom/analyze"
	"github.com/6dcca832/headroom/internal/config"
	"github.com/6dcca832/headroom/internal/measure"
)

// hookPatience is how long a hook may take: what it tells of must not wait for it for ever.
const hookPatience = 10 * time.Second

// hooked are the commands that hooks are told of: those that run at night, when nobody looks.
var hooked = map[string]bool{"audit": true, "pull": true}

// hookWord is what a hook gets, as JSON; FORMATS.md describes it. Of tenants it has the names and
// what the command told of them: a hook for somebody else's server is better on_start or
// on_success.
type hookWord struct {
	Event   string       `json:"event"`
	Command string       `json:"command"`
	Exit    *int         `json:"exit,omitempty"`
	Summary string       `json:"summary,omitempty"`
	Tenants []hookTenant `json:"tenants,omitempty"`
}

// hookTenant is a tenant that an audit told something of, or whose pull is not complete.
type hookTenant struct {
	Tenant string `json:"tenant"`
	// Of an audit. Incidents are ids, the first to act on first; nil for a pull.
	Verdict   analyze.Verdict `json:"verdict,omitempty"`
	Incidents []string        `json:"incidents,omitzero"`
	// Of a pull: how many listed recordings are missing, and what made it fail.
	Missing int    `json:"missing,omitempty"`
	Error   string `json:"error,omitempty"`
}

// hookTenants are the tenants that an audit tells something of, in its order: those that do not
// pass, and those with incidents. Of an audit about now, ended incidents are not told.
func hookTenants(r *analyze.Report) (all []hookTenant) {
	for i := range r.Tenants {
		t := &r.Tenants[i]
		told := hookTenant{Tenant: t.Tenant, Verdict: t.Verdict, Incidents: []string{}}
		for k := range t.Incidents {
			if x := &t.Incidents[k]; r.About != analyze.AboutNow || x.Open {
				told.Incidents = append(told.Incidents, x.ID)
			}
		}
		if t.Verdict != analyze.Pass || len(told.Incidents) > 0 {
			all = append(all, told)
		}
	}
	return all
}

// newSummary counts the tenants of which something is new, by the weight of that.
func newSummary(r *analyze.Report) string {
	tenants := measure.Count(int64(len(r.Tenants)), "tenant")
	counts := map[analyze.Verdict]int{}
	told := hookTenants(r)
	for _, t := range told {
		counts[t.Verdict]++
	}
	if len(told) == 0 {
		return "nothing new of " + tenants + "; what was told before may still go on"
	}
	return fmt.Sprintf("something new of %d of %s: %d fail, %d warn", len(told), tenants,
		counts[analyze.Fail], counts[analyze.Warn])
}

// withHooks runs a command and tells the config's hooks how it went.
func (s *session) withHooks(ctx context.Context, command string, run func() error) error {
	if !hooked[command] {
		return run()
	}
	h := s.config.Hooks
	s.callHook(ctx, h.OnStart, hookWord{Event: "start", Command: command})
	err := run()
	code := exitCodeOf(err)
	word := hookWord{Event: "success", Command: command, Exit: &code, Summary: s.outcome}
	hook := h.OnSuccess
	if code != exitDone {
		word.Event, hook = "failure", h.OnFailure
		word.Tenants = s.told
		word.Summary = cmp.Or(s.outcome, "not carried out")
	}
	if s.changed {
		changed := word
		changed.Event, changed.Tenants = "change", s.told
		s.callHook(ctx, h.OnChange, changed)
	}
	s.callHook(ctx, hook, word)
	return err
}

// callHook tells one hook. That it does not work is told, and changes nothing else.
func (s *session) callHook(ctx context.Context, h config.Hook, word hookWord) {
	if h.IsZero() {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), hookPatience)
	defer cancel()
	text, err := json.Marshal(word)
	if err == nil && h.URL != "" {
		err = postHook(ctx, h.URL, text)
	} else if err == nil {
		err = startHook(ctx, h.Command, append(text, '\n'))
	}
	if err != nil {
		s.warn("headroom: hook on_%s: %v", word.Event, err)
	}
}

func postHook(ctx context.Context, to string, text []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(text))
	if err != nil {
		return errors.New("the URL cannot be called")
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "headroom")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err // without the URL, which is a secret of a kind
		}
		return err
	}
	if err := resp.Body.Close(); err != nil {
		return err
	}
	if resp.StatusCode >= http.StatusBadRequest {
		return fmt.Errorf("the answer was %s", resp.Status)
	}
	return nil
}

// startHook runs a program, without the variables that hold our own settings and tokens.
func startHook(ctx context.Context, command []string, stdin []byte) error {
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Stdin, cmd.Env = bytes.NewReader(stdin), childEnvironment()
	cmd.WaitDelay = time.Second
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Run(); err != nil {
		first, _, _ := strings.Cut(strings.TrimSpace(said.String()), "\n")
		if len(first) > 200 {
			first = first[:200]
		}
		return errors.Join(fmt.Errorf("%s: %w", command[0], err), sayIf(first))
	}
	return nil
}

func sayIf(s string) error {
	if s == "" {
		return nil
	}
	return errors.New(s)
}
