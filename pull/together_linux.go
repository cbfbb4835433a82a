package pull

import (
	"os"

	"golang.org/x/sys/unix"
)

// togetherOn are the file systems whose syncfs makes files as durable as fsync does. Others, such
// as FUSE's, may take it for less.
var togetherOn = map[int64]bool{
	unix.EXT4_SUPER_MAGIC: true, unix.XFS_SUPER_MAGIC: true, unix.BTRFS_SUPER_MAGIC: true,
	unix.TMPFS_MAGIC: true,
}

// mayFlushTogether says whether all folders are on file systems that can.
func mayFlushTogether(dirs map[string]bool) bool {
	for dir := range dirs {
		var st unix.Statfs_t
		if unix.Statfs(dir, &st) != nil || !togetherOn[int64(st.Type)] { //nolint:unconvert // 32 bits
			return false
		}
	}
	return true
}

// flushTogether makes files in some folders durable. fsync waits for the file system's journal and
// for the disk's cache once a file; syncfs does once for all of them, and for whatever else is
// written to that file system. Linux before 5.8 does not tell by syncfs what could not be written,
// but does for each file.
func flushTogether(dirs map[string]bool, files []string) error {
	for dir := range dirs {
		if err := withFile(dir, unix.Syncfs); err != nil {
			return &os.PathError{Op: "syncfs", Path: dir, Err: err}
		}
	}
	const written = unix.SYNC_FILE_RANGE_WAIT_BEFORE | unix.SYNC_FILE_RANGE_WRITE |
		unix.SYNC_FILE_RANGE_WAIT_AFTER
	for _, name := range files {
		err := withFile(name, func(fd int) error { return unix.SyncFileRange(fd, 0, 0, written) })
		if err != nil {
			return &os.PathError{Op: "sync_file_range", Path: name, Err: err}
		}
	}
	return nil
}

// beginFlush has the system begin to write a file to the disk, and waits for nothing. What is wrong
// is told by the flush.
func beginFlush(name string) {
	_ = withFile(name, func(fd int) error {
		return unix.SyncFileRange(fd, 0, 0, unix.SYNC_FILE_RANGE_WRITE)
	})
}

func withFile(name string, f func(fd int) error) error {
	fd, err := unix.Open(name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return f(fd)
}
