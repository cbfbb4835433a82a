package pull

import (
	"io/fs"
	"net/http/httptest"
	"path"
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
