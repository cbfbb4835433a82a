// Command serve plays the vendor for one tenant, so that an installed headroom can be tried against
// it. It writes into a folder what the other side needs: ca.pem, the authority to trust;
// headroom.toml, a config that names the tenant; and token, last, as the lines of an environment
// file. It serves until it is killed.
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/6dcca832/headroom/internal/sim"
)

const tenant = "acme"

func main() {
	log.SetFlags(0)
	dir := flag.String("dir", "", "write ca.pem, headroom.toml and token into this `FOLDER`")
	flag.Parse()
	if err := serve(*dir); err != nil {
		log.Fatal(err)
	}
	select {}
}

// serve starts the vendor, which has a few recordings of each of the last days, weekends included.
func serve(dir string) error {
	vendor, err := sim.NewVendor(sim.Config{
		Name: tenant, Agents: 2, MeanCall: time.Hour, BytesPerSecond: 10, Weekend: 1,
	})
	if err != nil {
		return err
	}
	server, err := sim.Start(vendor)
	if err != nil {
		return err
	}
	config := fmt.Sprintf("[pull]\ndest = \"calls\"\nlookback = \"2d\"\n\n[tenants.%s]\nagents = 2\n"+
		"upstream = \"https://%s\"\n", tenant, server.Addr())
	token := "HEADROOM_TOKEN=" + vendor.AddUser(tenant, "Recording Export") + "\n"
	for _, f := range []struct{ name, text string }{
		{"ca.pem", string(server.CA())}, {"headroom.toml", config}, {"token", token},
	} {
		if err := os.WriteFile(filepath.Join(dir, f.name), []byte(f.text), 0o600); err != nil {
			return err
		}
	}
	return nil
}
