package pull

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/6dcca832/headroom/pull/api"
)

const (
	// headSize is how many bytes of a body the gate looks at.
	headSize = 512
	// firstLook is how many it looks at before it reads on: enough for every magic number, and fewer
	// than any recording has.
	firstLook = 12
	// plainText is the kind of a text that is neither JSON nor HTML or XML.
	plainText = "text"
	// otherEnding is that of the files of an audio format that is not known.
	otherEnding = ".audio"
)

// kinds are the media types of audio that are known, with the ending of their files.
var kinds = map[string]string{
	"audio/wav": ".wav", "audio/x-wav": ".wav", "audio/wave": ".wav", "audio/vnd.wave": ".wav",
	"audio/mpeg": ".mp3", "audio/mp3": ".mp3", "audio/mp4": ".m4a", "audio/x-m4a": ".m4a",
	"audio/aac": ".aac", "audio/ogg": ".ogg", "audio/opus": ".opus", "audio/webm": ".webm",
	"audio/flac": ".flac", "audio/x-flac": ".flac", "audio/basic": ".au", "audio/amr": ".amr",
	"video/mp4": ".mp4", "video/webm": ".webm",
}

// magics are how the files of audio formats begin, after an offset.
var magics = []struct {
	offset int
	text   string
	ending string
}{
	{8, "WAVE", ".wav"}, {0, "ID3", ".mp3"}, {0, "\xff\xfb", ".mp3"}, {0, "\xff\xf3", ".mp3"},
	{0, "\xff\xf2", ".mp3"}, {0, "OggS", ".ogg"}, {0, "fLaC", ".flac"}, {0, "#!AMR", ".amr"},
	{4, "ftyp", ".m4a"}, {0, ".snd", ".au"}, {0, "\x1a\x45\xdf\xa3", ".webm"},
}

// endings are those that the files of recordings may have.
var endings = func() map[string]bool {
	all := map[string]bool{otherEnding: true}
	for _, ending := range kinds {
		all[ending] = true
	}
	return all
}()

// gate decides by an answer's media type and its first bytes whether it is audio. It gives the
// ending of the file, or in a few words why it is none: an error that came as a 200 must never be
// stored as a recording.
func gate(mediaType string, head []byte) (ending, refused string) {
	if len(head) == 0 {
		return "", "the body was empty"
	}
	if isText(head) { // a text may begin like a format
		return "", "the body was " + textKind(head) + ", not audio"
	}
	if ending := magic(head); ending != "" {
		return ending, ""
	}
	if ending, ok := kinds[mediaType]; ok {
		return ending, ""
	}
	switch {
	case strings.HasPrefix(mediaType, "audio/"), strings.HasPrefix(mediaType, "video/"),
		mediaType == "application/octet-stream", mediaType == "binary/octet-stream", mediaType == "":
		return otherEnding, ""
	}
	return "", "the answer's content type is not that of audio"
}

// look reads the beginning of a body into a buffer, n bytes, and puts it before the gate. why says
// why it is no audio, broken what ended it before it had begun.
//
// What is refused is not read to its end: the log then has the answer as one that was not taken
// whole, and the audit does not believe that a recording was downloaded. So the last byte of a body
// whose length is known waits for the gate.
func look(a *api.Audio, buffer []byte) (n int, ending, why string, broken error) {
	most := headSize
	if a.Total > 0 && a.Offset == 0 {
		most = int(min(headSize, a.Total-1))
		if most < firstLook {
			return 0, "", fmt.Sprintf("the body was of %d bytes, too few for audio", a.Total), nil
		}
	}
	var err error
	for _, until := range []int{1, firstLook, most} {
		var k int
		k, err = io.ReadFull(a.Body, buffer[n:until])
		n += k
		if err != nil {
			break
		}
		why = surelyNone(a.Type, buffer[:n])
		if why != "" && (n >= firstLook || said(a.Type) && textKind(buffer[:n]) != plainText) {
			return n, "", why, nil
		}
	}
	if n == 0 && err != nil && err != io.EOF {
		return 0, "", "", err
	}
	ending, why = gate(a.Type, buffer[:n])
	return n, ending, why, nil
}

// surelyNone says why a body that begins with head is no audio, where that is sure already; ""
// where more of it must be seen. Such a body is left unread: the log then has the answer as one
// that was not taken whole, and the audit does not believe that a recording was downloaded.
func surelyNone(mediaType string, head []byte) string {
	if len(head) == 0 || magic(head) != "" || !isText(head) {
		return ""
	}
	if kind := textKind(head); said(mediaType) || kind != plainText {
		return "the body was " + kind + ", not audio"
	}
	return ""
}

// said says that an answer calls itself text.
func said(mediaType string) bool {
	return strings.HasPrefix(mediaType, "text/") || strings.HasSuffix(mediaType, "json") ||
		strings.HasSuffix(mediaType, "xml")
}

func magic(head []byte) string {
	for _, m := range magics {
		if len(head) >= m.offset && bytes.HasPrefix(head[m.offset:], []byte(m.text)) {
			return m.ending
		}
	}
	return ""
}

// isText says whether bytes are readable text. Audio has control bytes or broken UTF-8 within its
// first few bytes.
func isText(head []byte) bool {
	for len(head) > 0 {
		r, n := utf8.DecodeRune(head)
		if r == utf8.RuneError && n == 1 {
			return len(head) < utf8.UTFMax && !utf8.FullRune(head) // cut at the end of what was read
		}
		if r < ' ' && !strings.ContainsRune("\t\r\n", r) || r == 0x7f {
			return false
		}
		head = head[n:]
	}
	return true
}

func textKind(head []byte) string {
	head = bytes.TrimLeft(head, " \t\r\n\ufeff")
	switch {
	case bytes.HasPrefix(head, []byte("{")), bytes.HasPrefix(head, []byte("[")):
		return "JSON"
	case bytes.HasPrefix(head, []byte("<")):
		return "HTML or XML"
	}
	return plainText
}
