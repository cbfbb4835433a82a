package commands

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// A program that "headroom run" started, or one that it left running, trusts the files whose names
// its environment holds: certificates, and code that Node loads. Once the run's folder is gone,
// whoever can make a folder of that name is trusted in its place. So it lies where only its user
// can: not in the shared temporary folder.

// runFolder is the folder of one run, of mode 0700.
type runFolder struct {
	path string
	// Held for as long as the folder is in use, so that others know; nil where files cannot be locked.
	lock *os.File
}

const (
	runPrefix = "run-"
	lockName  = "lock"
	aboutName = "about.json"
)

// newRunFolder makes a folder for this run in the first of the user's private places that will do.
// It also removes the folders of runs that were killed.
func newRunFolder(more ...string) (f *runFolder, err error) {
	var tried []error
	for _, place := range privatePlaces(more...) {
		place, err := makePrivate(place)
		if err != nil {
			tried = append(tried, err)
			continue
		}
		return makeRunFolder(place)
	}
	return nil, errors.Join(append([]error{errNoFolder}, tried...)...)
}

var errNoFolder = errors.New(
	"there is no folder that only this user can change: set XDG_RUNTIME_DIR or HOME to one")

// privatePlaces are the folders to try, most fitting first: one that is the user's for as long as
// he is logged in, his cache, the system's own for root, and one in each folder of more.
func privatePlaces(more ...string) (places []string) {
	if dir := os.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(dir) && fileExists(dir) {
		places = append(places, filepath.Join(dir, "headroom"))
	}
	// A home that is not there is not made.
	if dir, err := os.UserCacheDir(); err == nil && fileExists(filepath.Dir(dir)) {
		places = append(places, filepath.Join(dir, "headroom"))
	}
	if os.Geteuid() == 0 && fileExists("/run") {
		places = append(places, "/run/headroom")
	}
	for _, dir := range more {
		if dir, err := filepath.Abs(dir); err == nil {
			places = append(places, filepath.Join(dir, ".headroom"))
		}
	}
	return places
}

// makePrivate makes a private place where there is none, and gives its name without links.
func makePrivate(place string) (string, error) {
	parent := filepath.Dir(place)
	if err := os.Mkdir(parent, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return "", err
	}
	if err := os.Mkdir(place, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return "", err
	}
	real, err := filepath.EvalSymlinks(place)
	if err != nil {
		return "", err
	}
	return real, isPrivate(real)
}

func makeRunFolder(place string) (*runFolder, error) {
	// A place that cannot be locked is not swept.
	guard, _ := lockFile(filepath.Join(place, lockName), true)
	if guard != nil {
		defer guard.Close()
		sweep(place)
	}
	path, err := os.MkdirTemp(place, runPrefix+"*") // of mode 0700
	if err != nil {
		return nil, fmt.Errorf("make folder: %w", err)
	}
	f := &runFolder{path: path}
	f.lock, _ = lockFile(filepath.Join(path, lockName), false)
	return f, nil
}

// sweep removes the folders of runs that were killed: nobody holds their locks.
func sweep(place string) {
	left, _ := filepath.Glob(filepath.Join(place, runPrefix+"*"))
	for _, path := range left {
		if lock, err := lockFile(filepath.Join(path, lockName), false); err == nil {
			os.RemoveAll(path)
			lock.Close()
		}
	}
}

func (f *runFolder) remove() error {
	err := os.RemoveAll(f.path)
	if f.lock != nil {
		f.lock.Close()
	}
	return err
}

// about is what a run tells the headroom processes inside it. It is a file in the run's folder and
// no variable, since a program need not know.
type about struct {
	Addr  string `json:"addr"` // of its proxy
	Paced bool   `json:"paced"`
	All   bool   `json:"all"`
	DB    string `json:"db"` // its log
	// HEADROOM_DB and so on, which the program's environment lacks.
	Settings map[string]string `json:"settings"`
}

func (f *runFolder) tell(a about) error {
	data, err := json.Marshal(a)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(f.path, aboutName), data, 0o600)
}

// findRun gives the run whose proxy has an address; nil means that there is none.
func findRun(addr string, more ...string) *about {
	for _, place := range privatePlaces(more...) {
		names, _ := filepath.Glob(filepath.Join(place, runPrefix+"*", aboutName))
		for _, name := range names {
			var a about
			data, err := os.ReadFile(name)
			if err == nil && json.Unmarshal(data, &a) == nil && a.Addr == addr &&
				isPrivate(filepath.Dir(filepath.Dir(name))) == nil {
				return &a
			}
		}
	}
	return nil
}

// settings are the variables that headroom takes for flags.
var settings = []string{"HEADROOM_DB", "HEADROOM_CONFIG", "HEADROOM_POLICY"}

// ownPrefix begins the names of headroom's variables.
const ownPrefix = "HEADROOM_"

// childEnvironment is this process's environment without headroom's own variables: what it starts
// by its own choice, such as doctor's clients, gets no token.
func childEnvironment() (environ []string) {
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, ownPrefix) {
			environ = append(environ, v)
		}
	}
	return environ
}

// programEnvironment is what "run" hands to the user's program: childEnvironment, and the token,
// which is the user's own. Variables that the config names by token_env are passed on in any case.
func programEnvironment() []string {
	environ := childEnvironment()
	if token, ok := os.LookupEnv(defaultTokenEnv); ok {
		environ = append(environ, defaultTokenEnv+"="+token)
	}
	return environ
}

// currentSettings are those of this process, with file names that hold in every folder.
func currentSettings() map[string]string {
	now := map[string]string{}
	for _, name := range settings {
		value := os.Getenv(name)
		if value == "" {
			continue
		}
		if abs, err := filepath.Abs(value); err == nil &&
			(name != "HEADROOM_POLICY" || fileExists(value)) {
			value = abs
		}
		now[name] = value
	}
	return now
}

// restoreSettings gives a headroom inside a run the settings that the run had. What is set again
// holds; what is set to nothing, which the cli package would take for a value, counts as not set.
func restoreSettings() {
	for _, name := range settings {
		if os.Getenv(name) == "" {
			os.Unsetenv(name)
		}
	}
	addr := ownProxy()
	if addr == "" {
		return
	}
	run := findRun(addr)
	if run == nil {
		return
	}
	for _, name := range settings {
		if value, ok := run.Settings[name]; ok && os.Getenv(name) == "" {
			os.Setenv(name, value)
		}
	}
}
