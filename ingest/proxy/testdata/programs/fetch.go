// Command fetch MODE URL FILE: get, post (FILE.in is the body) or abort.
package main

import (
	"io"
	"log"
	"net/http"
	"os"
)

func main() {
	mode, url, name := os.Args[1], os.Args[2], os.Args[3]
	method, body := "GET", io.Reader(nil)
	if mode == "post" {
		f, err := os.Open(name + ".in")
		if err != nil {
			log.Fatal(err)
		}
		method, body = "POST", f
	}
	req, err := http.NewRequest(method, url, body)
	if err != nil {
		log.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+os.Getenv("TOKEN"))
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil || resp.StatusCode != 200 {
		log.Fatal(resp, err)
	}
	out, err := os.Create(name)
	if err != nil {
		log.Fatal(err)
	}
	if mode == "abort" {
		io.CopyN(out, resp.Body, 65536)
		os.Exit(0)
	}
	if _, err := io.Copy(out, resp.Body); err != nil {
		log.Fatal(err)
	}
}
