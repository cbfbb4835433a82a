// Package pathname says how messages write the names of files.
package pathname

import (
	"strconv"
	"strings"
)

// Quote gives a file's name in double quotes, as %q does, but for backslashes: in Windows they
// stand between folders, and whoever copies a name from a message must get the file. Characters
// that do not print are escaped.
func Quote(name string) string {
	parts := strings.Split(name, `\`)
	for i, part := range parts {
		quoted := strconv.Quote(part)
		parts[i] = quoted[1 : len(quoted)-1]
	}
	return `"` + strings.Join(parts, `\`) + `"`
}
