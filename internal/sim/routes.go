package sim

import (
	"net/http"
	"strings"
)

// Class is a kind of request.
type Class string

// The classes of requests that the vendor documents; whatever else it answers is ClassOther.
const (
	ClassList     Class = "recording_list"
	ClassAudio    Class = "recording_audio"
	ClassReport   Class = "historical_report"
	ClassDial     Class = "click_to_dial"
	ClassCallback Class = "callback"
	ClassOther    Class = "other"
)

const (
	firstExtension = 1001
	apiRoot        = "/rest/api/"
	listPath       = "/rest/api/v2/recordings"
	reportPath     = "/rest/api/v1/historic-data/"
	agentsPath     = "/rest/api/v1/agents"
	skillsPath     = "/rest/api/v1/skills"
	realtimePath   = "/rest/api/v1/realtime/"
)

// call is a request as the vendor understands it.
type call struct {
	class  Class
	method string // the one method the path answers
	id     string // what the path names: a recording key, a report, an extension, a skill
	query  map[string][]string
	body   []byte
	from   int64 // where in a recording the answer is to begin
}

// route finds out what a path asks for; ok is false where the vendor has no such path.
func route(path string) (c call, ok bool) {
	if rest, found := strings.CutPrefix(path, listPath); found {
		return recordingRoute(rest)
	}
	if id, found := strings.CutPrefix(path, reportPath); found {
		return call{class: ClassReport, method: http.MethodPost, id: id}, isSegment(id)
	}
	if c, ok := actionRoute(path); ok {
		return c, true
	}
	known := path == agentsPath || path == skillsPath || strings.HasPrefix(path, realtimePath)
	return call{class: ClassOther, method: http.MethodGet}, known
}

func recordingRoute(rest string) (call, bool) {
	if rest == "" {
		return call{class: ClassList, method: http.MethodGet}, true
	}
	key, _, _ := strings.Cut(strings.TrimPrefix(rest, "/"), "/")
	return call{class: ClassAudio, method: http.MethodGet, id: key}, rest[0] == '/' && key != ""
}

// actionRoute knows the paths of the form …/agents/{extension}/click-to-dial and
// …/skills/{skill}/callback.
func actionRoute(path string) (call, bool) {
	for _, a := range []struct {
		prefix, suffix string
		class          Class
	}{
		{agentsPath + "/", "/click-to-dial", ClassDial},
		{skillsPath + "/", "/callback", ClassCallback},
	} {
		id, found := strings.CutPrefix(path, a.prefix)
		id, ends := strings.CutSuffix(id, a.suffix)
		if found && ends && isSegment(id) {
			return call{class: a.class, method: http.MethodPost, id: id}, true
		}
	}
	return call{}, false
}

func isSegment(s string) bool { return s != "" && !strings.Contains(s, "/") }
