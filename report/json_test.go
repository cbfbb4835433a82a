package report

import (
	"bytes"
	"encoding/json"
	"testing"
)

// TestWriteJSON: indented as encoding/json does it, but for lists of whole numbers, and nothing in
// it acts on a terminal.
func TestWriteJSON(t *testing.T) {
	var b bytes.Buffer
	v := struct {
		Text    string         `json:"text"`
		Empty   []int          `json:"empty"`
		None    map[string]int `json:"none"`
		Object  any            `json:"object"`
		Numbers []int64        `json:"numbers"`
		One     []int64        `json:"one"`
		Signed  []int64        `json:"signed"`
		Decimal []float64      `json:"decimal"`
		Words   []string       `json:"words"`
		Mixed   []any          `json:"mixed"`
	}{
		Text: "<a&b> \"q\" \\ é [1,2] {\n} \x1b[0m \u009b \u202e \U000e0041 \U0001f600", Empty: []int{},
		None: map[string]int{}, Object: map[string]any{"a": nil, "b": map[string]any{"c": true}},
		Numbers: []int64{1, 20, 300}, One: []int64{0}, Signed: []int64{-1, 2}, Decimal: []float64{1.5, 2},
		Words: []string{"a", ""}, Mixed: []any{1, []int{2, 3}, []any{}, nil, 1e100},
	}
	if err := writeJSON(&b, v); err != nil {
		t.Fatal(err)
	}
	const want = `{
  "text": "<a&b> \"q\" \\ é [1,2] {\n} \u001b[0m \u009b \u202e \udb40\udc41 😀",
  "empty": [],
  "none": {},
  "object": {
    "a": null,
    "b": {
      "c": true
    }
  },
  "numbers": [1, 20, 300],
  "one": [0],
  "signed": [
    -1,
    2
  ],
  "decimal": [
    1.5,
    2
  ],
  "words": [
    "a",
    ""
  ],
  "mixed": [
    1,
    [2, 3],
    [],
    null,
    1e+100
  ]
}
`
	if b.String() != want {
		t.Errorf("wrote\n%swant\n%s", b.String(), want)
	}
	var back, plain any
	compact, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	if json.Unmarshal(b.Bytes(), &back) != nil || json.Unmarshal(compact, &plain) != nil {
		t.Fatal("what was written is no JSON")
	}
	if a, b := mustJSON(t, back), mustJSON(t, plain); !bytes.Equal(a, b) {
		t.Errorf("reads as %s, want %s", a, b)
	}
}

func mustJSON(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
