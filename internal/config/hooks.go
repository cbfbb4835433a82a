package config

import (
	"fmt"
	"net/url"
)

// Hooks are what is told to others about the nightly commands audit and pull. None is set unless
// the file says so.
type Hooks struct {
	// OnStart is told when a command begins, OnSuccess when it ends with exit code 0, OnFailure when
	// it ends with another, and OnChange when "audit --new" has something to tell.
	OnStart, OnSuccess, OnFailure, OnChange Hook
}

// Hook is a URL to call, or a program to start. The zero Hook does nothing.
type Hook struct {
	URL     string
	Command []string // the program and its arguments; no shell reads them
}

// IsZero says that nothing is to be done.
func (h Hook) IsZero() bool { return h.URL == "" && len(h.Command) == 0 }

type hooksFile struct {
	OnStart   any `toml:"on_start"`
	OnSuccess any `toml:"on_success"`
	OnFailure any `toml:"on_failure"`
	OnChange  any `toml:"on_change"`
}

func (r *reader) hooks(f hooksFile) Hooks {
	return Hooks{
		OnStart: r.hook("on_start", f.OnStart), OnSuccess: r.hook("on_success", f.OnSuccess),
		OnFailure: r.hook("on_failure", f.OnFailure), OnChange: r.hook("on_change", f.OnChange),
	}
}

func (r *reader) hook(key string, v any) (h Hook) {
	fail := func() {
		// The value is not repeated: the address of a hook is a secret of a kind.
		r.note("hooks."+key, fmt.Errorf(
			"%s must be a URL such as \"https://example.com/ping\", or a list such as [\"mail\", \"-s\", \"headroom\", \"ops\"]",
			key,
		))
	}
	switch v := v.(type) {
	case nil:
	case string:
		u, err := url.Parse(v)
		if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
			fail()
		}
		h.URL = v
	case []any:
		for _, part := range v {
			text, ok := part.(string)
			if !ok || len(h.Command) == 0 && text == "" {
				fail()
				return Hook{}
			}
			h.Command = append(h.Command, text)
		}
		if len(h.Command) == 0 {
			fail()
		}
	default:
		fail()
	}
	return h
}
