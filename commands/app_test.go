package commands

import (
	"bytes"
	"strings"
	"syscall"
	"testing"

	"github.com/urfave/cli/v2"
)

func TestEveryCommandShowsAnExample(t *testing.T) {
	for _, c := range newApp(&streams{}).Commands {
		if !strings.Contains(c.Description, "Example") || !strings.Contains(c.Description, "\n  headroom "+c.Name) {
			t.Errorf("%s: no example in %q", c.Name, c.Description)
		}
		if c.Action == nil || c.Usage == "" {
			t.Errorf("%s: no action or no usage", c.Name)
		}
	}
}

// TestHelpNamesWhatFlagsTake: each value of a flag has a name that says what it is.
func TestHelpNamesWhatFlagsTake(t *testing.T) {
	for _, c := range newApp(&streams{}).Commands {
		var out, errs bytes.Buffer
		if code := Main(t.Context(), []string{"headroom", "help", c.Name}, nil, &out, &errs); code != exitDone || errs.Len() > 0 {
			t.Errorf("help %s: exit code %d, %s", c.Name, code, errs.String())
		}
		if !strings.Contains(out.String(), c.Usage) || strings.Contains(out.String(), " value ") {
			t.Errorf("help %s:\n%s", c.Name, out.String())
		}
	}
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, syscall.ENOSPC }

// TestWhatCannotBePrintedIsTold: a full disk is an error of every command, of help as well.
func TestWhatCannotBePrintedIsTold(t *testing.T) {
	for _, line := range []string{
		"headroom", "headroom help", "headroom help audit", "headroom audit --help", "headroom version",
		"headroom man", "headroom completion bash", "headroom rules", "headroom rules spacing", "headroom policy",
		"headroom __complete au",
	} {
		var errs bytes.Buffer
		code := Main(t.Context(), strings.Fields(line), strings.NewReader(""), fullDisk{}, &errs)
		complete := strings.Contains(line, completeWord) // a shell would show it amid what is typed
		if code != exitFailed || !complete && (strings.Count(errs.String(), "\n") != 1 ||
			!strings.HasSuffix(errs.String(), ": no space left on device\n")) {
			t.Errorf("%s: exit code %d, %q", line, code, errs.String())
		}
	}
}

// arrange must not change what an argument means, wherever flags stand.
func TestArrange(t *testing.T) {
	for line, want := range map[string]string{
		"headroom import a.log --tenant x":            "headroom import --tenant x -- a.log",
		"headroom import a.log --db=y -":              "headroom --db=y import -- a.log -",
		"headroom audit --db y --format json":         "headroom --db y audit --format json",
		"headroom --db y import -- --tenant":          "headroom --db y import -- --tenant",
		"headroom import --tenant --db a.log":         "headroom import --tenant --db -- a.log",
		"headroom help audit":                         "headroom help audit",
		"headroom audit --help":                       "headroom audit --help",
		"headroom --version":                          "headroom version",
		"headroom":                                    "headroom",
		"headroom audit --tenant a --tenant b -- c d": "headroom audit --tenant a --tenant b -- c d",
	} {
		got, err := arrange(newApp(&streams{}), strings.Fields(line))
		if err != nil || strings.Join(got, " ") != want {
			t.Errorf("%s: %v, %v, want %s", line, got, err, want)
		}
	}
}

// A value that is no number, duration or truth gets one line, in every command.
func TestWrongValuesOfFlags(t *testing.T) {
	app := newApp(&streams{})
	tried := map[string]int{}
	try := func(command string, f cli.Flag) {
		line := []string{"headroom", "--" + f.Names()[0] + "=much"}
		if command != "" {
			line = append([]string{"headroom", command}, line[1:]...)
		}
		kind := ""
		switch f.(type) {
		case *cli.StringFlag, *cli.StringSliceFlag, *choiceFlag:
			return // the command reads them
		case *cli.BoolFlag:
			kind = "true or false"
		case *cli.IntFlag:
			kind = "a whole number"
		case *cli.DurationFlag:
			kind = "a duration"
		default:
			t.Fatalf("%s: nothing is tried of a flag of type %T", line, f)
		}
		tried[kind]++
		var out, errs bytes.Buffer
		code := Main(t.Context(), line, strings.NewReader(""), &out, &errs)
		said := errs.String()
		if code != 2 || out.Len() > 0 || strings.Count(said, "\n") != 1 ||
			!strings.Contains(said, line[len(line)-1][:len(line[len(line)-1])-5]+`: "much" is not `+kind) {
			t.Errorf("%s: exit %d, %q, %q", line, code, out.String(), said)
		}
	}
	for _, f := range app.Flags {
		try("", f)
	}
	for _, c := range app.Commands {
		for _, f := range c.Flags {
			try(c.Name, f)
		}
	}
	if len(tried) < 3 {
		t.Errorf("tried only %v", tried)
	}
}
