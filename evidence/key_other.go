//go:build !unix

package evidence

// filePermissions says that a file's mode tells who may read it.
const filePermissions = false
