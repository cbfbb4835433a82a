package pull

import "golang.org/x/sys/windows"

// syncFolder does nothing: Windows makes renames durable by itself.
func syncFolder(string) error { return nil }

// freeSpace is how many bytes the user can write below a folder; -1 if that is not known.
func freeSpace(dir string) int64 {
	name, err := windows.UTF16PtrFromString(dir)
	if err != nil {
		return -1
	}
	var free uint64
	if windows.GetDiskFreeSpaceEx(name, &free, nil, nil) != nil {
		return -1
	}
	return int64(min(free, 1<<62))
}
