package pull

import (
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/6dcca832/headroom/internal/sim"
)

// newBucket is a bucket on a server in this process.
func newBucket(t *testing.T) (*minio.Client, string) {
	t.Helper()
	backend := s3mem.New()
	server := httptest.NewServer(gofakes3.New(backend).Server())
	t.Cleanup(server.Close)
	c, err := minio.New(strings.TrimPrefix(server.URL, "http://"), &minio.Options{
		Creds: credentials.NewStaticV4("key", "secret", ""), Region: "us-east-1",
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.MakeBucket(t.Context(), "calls", minio.MakeBucketOptions{}); err != nil {
		t.Fatal(err)
	}
	return c, "calls"
}

func TestS3KeepsEachRecordingOnce(t *testing.T) {
	w := newWorld(t, sim.Config{})
	client, bucket := newBucket(t)
	to := S3(client, bucket, "voice/", w.dir)
	res := w.run(w.tenant(), func(o *Options) { o.To = to })
	if !res.Complete() || res.Stored == 0 {
		t.Fatalf("%+v", res)
	}
	if left := w.files(); len(left) > 0 {
		t.Errorf("%d local copies are left", len(left))
	}
	for _, r := range w.vendor.Recordings("acme", res.From, res.Before) {
		name := path.Join(dateFolder("acme", r.Start()), r.RecordingKey+".wav")
		sum, size, err := to.Inspect(t.Context(), name)
		if err != nil || size != r.Size || len(sum) != 64 {
			t.Errorf("%s: %d bytes, sum %q, %v; the vendor has %d", name, size, sum, err, r.Size)
		}
	}
	if again := w.run(w.tenant(), func(o *Options) { o.To = to }); again.Stored != 0 || !again.Complete() {
		t.Errorf("second run: %+v", again)
	}
}

func TestS3RefusesABucketThatIsNotThere(t *testing.T) {
	client, _ := newBucket(t)
	to := S3(client, "other", "", t.TempDir())
	if err := to.Prepare(t.Context(), "acme"); err == nil || !strings.Contains(err.Error(), "s3://other") {
		t.Errorf("%v", err)
	}
	bucket := S3(client, "calls", "", t.TempDir())
	if _, err := bucket.Get(t.Context(), "nothing"); !isNotExist(err) {
		t.Errorf("an object that is not there: %v", err)
	}
}

func isNotExist(err error) bool {
	return err != nil && strings.Contains(err.Error(), fs.ErrNotExist.Error())
}

// rudeBucket is a client of a server that sends an answer as it stands and closes the connection.
func rudeBucket(t *testing.T, answer string) *minio.Client {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		fmt.Fprint(conn, answer)
		conn.Close()
	}))
	t.Cleanup(server.Close)
	client, err := minio.New(strings.TrimPrefix(server.URL, "http://"), &minio.Options{
		Creds: credentials.NewStaticV4("key", "secret", ""), Region: "us-east-1", MaxRetries: 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// keepRudely keeps a recording there, which fails. The local copy stays.
func keepRudely(t *testing.T, client *minio.Client) error {
	t.Helper()
	file := filepath.Join(t.TempDir(), "recording")
	if err := os.WriteFile(file, wav, 0o600); err != nil {
		t.Fatal(err)
	}
	w := Whole{File: file, Name: "recording.wav", Size: int64(len(wav)), Beside: "recording.json"}
	err := S3(client, "calls", "", t.TempDir()).Keep(t.Context(), []Whole{w})
	if _, gone := os.Stat(file); err == nil || gone != nil {
		t.Errorf("kept: %v; the local copy: %v", err, gone)
	}
	return err
}

// What a server of buckets refuses is told by its code and what to do: its message may quote keys,
// signatures and names.
func TestS3ToldWithoutTheServersWords(t *testing.T) {
	const head = "HTTP/1.1 %s x\r\nConnection: close\r\n\r\n"
	for answer, want := range map[string]string{
		fmt.Sprintf(head+"<Error><Code>AccessDenied</Code><Message>s3cret</Message></Error>", "403"):         "answered 403 AccessDenied: the key may not",
		fmt.Sprintf(head+"<Error><Code>RequestTimeTooSkewed</Code><Message>s3cret</Message></Error>", "403"): "clock is wrong",
		fmt.Sprintf(head+"<Error><Code>s3cret +15550100</Code></Error>", "400"):                              "answered 400",
		fmt.Sprintf(head, "301"):  "set AWS_REGION",
		"HTTP/1.1 s3cret\r\n\r\n": "no answer that can be read",
	} {
		err := keepRudely(t, rudeBucket(t, answer))
		if text := fmt.Sprint(err); !strings.Contains(text, want) || strings.Contains(text, "s3cret") ||
			strings.Contains(text, "://127") {
			t.Errorf("%q: %v", answer, err)
		}
	}
}

// No body is signed piece by piece: minio-go panics in that where a server answers before it has
// read all of it. Content-MD5 guards each body instead.
func TestS3SignsNoPieces(t *testing.T) {
	var seen []http.Header
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen = append(seen, r.Header)
		w.WriteHeader(http.StatusBadRequest)
	}))
	t.Cleanup(server.Close)
	client, err := minio.New(strings.TrimPrefix(server.URL, "http://"), &minio.Options{
		Creds: credentials.NewStaticV4("key", "secret", ""), Region: "us-east-1", MaxRetries: 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	to := S3(client, "calls", "", t.TempDir()).(*bucketFolder)
	file := filepath.Join(t.TempDir(), "recording")
	if err := os.WriteFile(file, wav, 0o600); err != nil {
		t.Fatal(err)
	}
	if to.upload(t.Context(), file, "recording.wav", "", 0) == nil || to.Put(t.Context(), "x", wav) == nil {
		t.Error("it was stored")
	}
	for _, h := range seen {
		if h.Get("X-Amz-Content-Sha256") != "UNSIGNED-PAYLOAD" || h.Get("Content-Md5") == "" {
			t.Errorf("%v", h)
		}
	}
	if len(seen) != 2 {
		t.Errorf("%d requests", len(seen))
	}
}
