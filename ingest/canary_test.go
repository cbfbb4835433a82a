package ingest

import (
	"bytes"
	"errors"
	"io"
	"log"
	"net/http"
	"reflect"
	"strings"
	"testing"
)

var silent = log.New(io.Discard, "", 0)

// stringsIn are all the strings that can be reached from v.
func stringsIn(v reflect.Value, visit func(path, s string), path string) {
	switch v.Kind() {
	case reflect.String:
		visit(path, v.String())
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			stringsIn(v.Elem(), visit, path)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			stringsIn(v.Field(i), visit, path+"."+v.Type().Field(i).Name)
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			stringsIn(v.Index(i), visit, path)
		}
	}
}

// TestNothingSecretIsRecorded sends a canary in every part of a request and of its answer.
func TestNothingSecretIsRecorded(t *testing.T) {
	const canary = "cAnArY"
	fail := func(r *http.Request) (*http.Response, error) {
		return nil, errors.New("dial " + r.URL.String() + ": " + canary)
	}
	succeed := func(r *http.Request) (*http.Response, error) {
		io.Copy(io.Discard, r.Body)
		resp := answer(429, text(canary), int64(len(canary)))
		resp.Header.Set("Set-Cookie", canary)
		resp.Header.Set("Retry-After", canary)
		resp.Status = canary
		return resp, nil
	}
	for name, base := range map[string]roundTripFunc{"failure": fail, "success": succeed} {
		for _, url := range []string{
			"https://user" + canary + ":pw" + canary + "@acme.xima.cloud/rest/api/v1/agents/" + canary + "/click-to-dial?token=" + canary + "#" + canary,
			"https://acme.xima.cloud/rest/" + canary + "/" + canary + "?startTime=" + canary,
			"https://acme.xima.cloud/" + canary,
			"mailto:" + canary,
			"https://acme.xima.cloud/" + strings.Repeat(canary, 20_000),
		} {
			rec := &recorded{}
			req := request(t, "POST", url, bytes.NewBufferString(`{"numberToDial":"`+canary+`"}`))
			req.Header.Set("Authorization", "Bearer "+canary)
			req.Header.Set("Cookie", canary)
			req.Header.Set("User-Agent", canary)
			resp, err := NewTransport(base, rec).RoundTrip(req)
			if err == nil {
				io.ReadAll(resp.Body)
				resp.Body.Close()
			}
			row := rec.one(t)
			stringsIn(reflect.ValueOf(row), func(path, s string) {
				if strings.Contains(strings.ToLower(s), strings.ToLower(canary)) {
					t.Errorf("%s, %.80s: %s = %.80q", name, url, path, s)
				}
			}, "Request")
			if row.Params == "" && row.Route.Class != "click_to_dial" {
				t.Errorf("%s, %.80s: what was not kept is not told by a digest", name, url)
			}
		}
	}
}
