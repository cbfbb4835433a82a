package commands

import (
	"fmt"

	"github.com/urfave/cli/v2"
)

// manEnd are the sections that the library knows nothing of.
const manEnd = `
.SH EXIT STATUS
.TP
\fB0\fP
Done, and nothing found at or above \-\-fail\-on.
.TP
\fB1\fP
Done, with findings.
.TP
\fB2\fP
Not carried out; nothing is half\-written.
.TP
\fB3\fP
Done in part.
.SH ENVIRONMENT
.TP
\fBHEADROOM_DB\fP, \fBHEADROOM_CONFIG\fP, \fBHEADROOM_POLICY\fP
What \-\-db, \-\-config and \-\-policy are when they are not given.
.TP
\fBHEADROOM_TOKEN\fP
The API token, unless the config names another variable by token_env.
.TP
\fBAWS_ACCESS_KEY_ID\fP, \fBAWS_SECRET_ACCESS_KEY\fP
The keys of a bucket that recordings are pulled into.
.SH FILES
.TP
\fIheadroom.db\fP, \fIheadroom.toml\fP
The request log and the config, in the current folder.
.TP
\fI~/.config/headroom/evidence.key\fP
The key that signs seals. Keep a copy: a log goes on with its own key only.
.TP
\fI/etc/headroom\fP, \fI/var/lib/headroom\fP
Config and token, and database, key and recordings, of the nightly job of a deb or rpm,
headroom\-nightly.timer.
`

func newManCommand(s *streams) *cli.Command {
	return &cli.Command{
		Name:  "man",
		Usage: "print the manual page",
		Description: "Examples:\n" +
			"  headroom man | man -l -\n" +
			"  headroom man -o /usr/local/share/man/man1/headroom.1",
		Flags: []cli.Flag{outputFlag()},
		Action: action(func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			app := newApp(s)
			for _, cmd := range app.Commands {
				cmd.UsageText = cmd.Description // the library's page leaves descriptions out
			}
			page, err := app.ToManWithSection(1)
			if err != nil {
				return fmt.Errorf("make manual page: %w", err)
			}
			return writeText(s, c, page+manEnd)
		}),
	}
}
