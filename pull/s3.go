package pull

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
)

// sumKey is the name of the object's metadata that holds the SHA-256 of a recording in hex.
const sumKey = "Sha256"

// S3 keeps recordings in a bucket, below a prefix. What is not uploaded yet lies in the local
// folder staging. A local copy is deleted only after the server took the upload with its checksum
// (Content-MD5, which the server compares) and then named its size and its SHA-256 as they were
// sent.
func S3(client *minio.Client, bucket, prefix, staging string) Destination {
	return &bucketFolder{client, bucket, strings.Trim(prefix, "/"), staging}
}

type bucketFolder struct {
	client                  *minio.Client
	bucket, prefix, staging string
}

func (b *bucketFolder) String() string { return "s3://" + path.Join(b.bucket, b.prefix) }

func (b *bucketFolder) object(name string) string { return path.Join(b.prefix, name) }

func (b *bucketFolder) local(name string) string {
	return filepath.Join(b.staging, filepath.FromSlash(name))
}

// Prepare also uploads what a killed run had downloaded whole.
func (b *bucketFolder) Prepare(ctx context.Context, tenant string) error {
	ok, err := b.client.BucketExists(ctx, b.bucket)
	if err != nil {
		return fmt.Errorf("prepare %s: %w", b, s3Failure(err))
	}
	if !ok {
		return fmt.Errorf("prepare %s: there is no such bucket, or it is another account's", b)
	}
	return sweep(b.local("tenant="+safeName(tenant)), func(file, final, sum string, size int64) error {
		name, err := filepath.Rel(b.staging, final)
		if err != nil {
			return err
		}
		return b.upload(ctx, file, filepath.ToSlash(name), sum, size)
	})
}

func (b *bucketFolder) Stage(tenant string, start time.Time, key string) string {
	dir := b.local(dateFolder(tenant, start))
	_ = os.MkdirAll(dir, 0o700) // opening the file tells what is wrong
	return filepath.Join(dir, key+partial)
}

func (b *bucketFolder) Scratch(tenant string) (*os.File, error) {
	return openScratch(b.local("tenant=" + safeName(tenant)))
}

func (b *bucketFolder) Keep(ctx context.Context, files []Whole) error {
	return each(files, func(w Whole) error {
		err := b.Put(ctx, w.Beside, w.Data)
		if err == nil && w.File != "" {
			err = b.upload(ctx, w.File, w.Name, w.Sum, w.Size)
		}
		return err
	})
}

// upload puts a file, asks the server what it holds, and only then deletes the local copy. Without
// DisableContentSha256 minio-go signs the body of plain HTTP piece by piece, and panics where the
// server answers before it has read all of it; Content-MD5 guards the body either way.
func (b *bucketFolder) upload(ctx context.Context, file, name, sum string, size int64) error {
	_, err := b.client.FPutObject(ctx, b.bucket, b.object(name), file, minio.PutObjectOptions{
		UserMetadata: map[string]string{sumKey: sum}, SendContentMd5: true, DisableContentSha256: true,
	})
	if err != nil {
		return fmt.Errorf("upload to %s: %w", b, s3Failure(err))
	}
	there, thereSize, err := b.Inspect(ctx, name)
	if err != nil {
		return err
	}
	if there != sum || thereSize != size {
		return fmt.Errorf("upload to %s: the server holds %d bytes of %s, not the %d that were sent",
			b, thereSize, path.Base(name), size)
	}
	if err := os.Remove(file); err != nil {
		return fmt.Errorf("remove the local copy: %w", err)
	}
	return nil
}

func (b *bucketFolder) Kept(ctx context.Context, dir string) (map[string]string, error) {
	kept := map[string]string{}
	opts := minio.ListObjectsOptions{Prefix: b.object(dir) + "/"}
	for o := range b.client.ListObjects(ctx, b.bucket, opts) {
		if o.Err != nil {
			return nil, fmt.Errorf("look for recordings in %s: %w", b, s3Failure(o.Err))
		}
		addKept(kept, path.Base(o.Key))
	}
	return kept, nil
}

func (b *bucketFolder) Inspect(
	ctx context.Context, name string,
) (sum string, size int64, err error) {
	st, err := b.client.StatObject(ctx, b.bucket, b.object(name), minio.StatObjectOptions{})
	if err != nil {
		return "", 0, fmt.Errorf("look at a recording in %s: %w", b, s3Failure(err))
	}
	return st.UserMetadata[sumKey], st.Size, nil
}

func (b *bucketFolder) Put(ctx context.Context, name string, data []byte) error {
	_, err := b.client.PutObject(ctx, b.bucket, b.object(name), bytes.NewReader(data),
		int64(len(data)), minio.PutObjectOptions{SendContentMd5: true, DisableContentSha256: true})
	if err != nil {
		return fmt.Errorf("upload to %s: %w", b, s3Failure(err))
	}
	return nil
}

func (b *bucketFolder) Get(ctx context.Context, name string) ([]byte, error) {
	o, err := b.client.GetObject(ctx, b.bucket, b.object(name), minio.GetObjectOptions{})
	if err == nil {
		defer o.Close()
		var data []byte
		if data, err = io.ReadAll(o); err == nil {
			return data, nil
		}
	}
	if minio.ToErrorResponse(err).Code == minio.NoSuchKey {
		return nil, errors.Join(err, fs.ErrNotExist)
	}
	return nil, fmt.Errorf("read from %s: %w", b, s3Failure(err))
}

func (b *bucketFolder) Free() int64 { return freeSpace(b.staging) }
