//go:build !race

package pagetest

const raced = false
