package commands

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/6dcca832/headroom/analyze/rules"
	"github.com/6dcca832/headroom/limits"
)

// completeWord is the hidden first argument with which the shells' scripts ask what may come next.
const completeWord = "__complete"

// completions are the shells' scripts. Each asks the program itself, and takes names of files where
// that says nothing.
var completions = map[string]string{
	"bash": `_headroom() {
  local IFS=$'\n'
  COMPREPLY=($("${COMP_WORDS[0]/#\~/$HOME}" __complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o default -F _headroom headroom
`,
	"zsh": `#compdef headroom
_headroom() {
  local -a found
  found=("${(@f)$("${(Q)words[1]}" __complete "${(@Q)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ -n "${found[1]}" ]]; then compadd -- "${found[@]}"; else _files; fi
}
if [[ "${funcstack[1]}" == _headroom ]]; then _headroom "$@"; else compdef _headroom headroom; fi
`,
	"fish": `complete -c headroom -a \
  '(headroom __complete (commandline -opc)[2..] (commandline -ct) 2>/dev/null)'
`,
	"powershell": `Register-ArgumentCompleter -Native -CommandName headroom -ScriptBlock {
  param($word, $line, $cursor)
  $words = @($line.CommandElements | Select-Object -Skip 1 | ForEach-Object { $_.ToString() })
  if ($word -eq '') { $words += '' }
  headroom __complete @words 2>$null | ForEach-Object {
    [System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $_)
  }
}
`,
}

func newCompletionCommand(s *streams) *cli.Command {
	shells := slices.Sorted(maps.Keys(completions))
	return &cli.Command{
		Name:      "completion",
		Usage:     "print the script with which a shell completes commands, flags and tenants",
		ArgsUsage: strings.Join(shells, "|"),
		Description: "Examples:\n" +
			"  source <(headroom completion bash)\n" +
			"  headroom completion zsh > \"${fpath[1]}/_headroom\"\n" +
			"  headroom completion fish > ~/.config/fish/completions/headroom.fish\n" +
			"  headroom completion powershell | Out-String | Invoke-Expression",
		Flags: []cli.Flag{outputFlag()},
		Action: action(func(c *cli.Context) error {
			script, known := completions[c.Args().First()]
			if !known || c.NArg() != 1 {
				return fmt.Errorf("name a shell: %s%s", strings.Join(shells, ", "),
					didYouMean(c.Args().First(), shells))
			}
			return writeText(s, c, script)
		}),
	}
}

// writeText writes a text to --output.
func writeText(s *streams, c *cli.Context, text string) error {
	return writeOutput(s.out, c.String("output"), c.String("db"), func(w io.Writer) error {
		if _, err := io.WriteString(w, text); err != nil {
			return fmt.Errorf("write output: %w", err)
		}
		return nil
	})
}

// complete prints what the last of words, which is being typed, may become, one candidate a line.
// It prints nothing where a file may follow.
func complete(app *cli.App, words []string, w io.Writer) error {
	var lines strings.Builder
	for _, candidate := range candidates(app, words) {
		lines.WriteString(oneLine(candidate) + "\n")
	}
	if _, err := io.WriteString(w, lines.String()); err != nil {
		return errors.New("write output")
	}
	return nil
}

func candidates(app *cli.App, words []string) []string {
	if len(words) == 0 {
		words = []string{""}
	}
	before, word := words[:len(words)-1], words[len(words)-1]
	if word == "=" { // bash makes a word of it
		before, word = words, ""
	}
	if n := len(before); n > 1 && before[n-1] == "=" {
		before = before[:n-1]
	}
	cmd, value := readBefore(app, before)
	prefix := ""
	if name, rest, found := strings.Cut(word, "="); found && strings.HasPrefix(name, "-") &&
		value == nil {
		value, prefix, word = flagOf(app, cmd, name), name+"=", rest
	}
	var all []string
	switch {
	case value != nil:
		all = valuesOf(value)
	case strings.HasPrefix(word, "-"):
		all = flagsOf(app, cmd)
	case cmd == nil:
		all = namesOf(app)
	case cmd.Name == "completion":
		all = slices.Collect(maps.Keys(completions))
	case cmd.Name == "rules":
		all = rules.Names()
	case cmd.Name == "help":
		all = namesOf(app)
	}
	all = slices.DeleteFunc(slices.Clone(all),
		func(s string) bool { return !strings.HasPrefix(s, word) })
	slices.Sort(all)
	for i := range all {
		all[i] = prefix + all[i]
	}
	return all
}

// readBefore finds the command among the words before, and the flag whose value comes next, nil for
// none.
func readBefore(app *cli.App, before []string) (cmd *cli.Command, value cli.Flag) {
	for _, word := range before {
		if value != nil {
			value = nil
			continue
		}
		switch {
		case strings.HasPrefix(word, "-"):
			if f := flagOf(app, cmd, word); f != nil && takesValue(f) && !strings.Contains(word, "=") {
				value = f
			}
		case cmd == nil && word == "help":
			cmd = &cli.Command{Name: "help"}
		case cmd == nil:
			cmd = app.Command(word)
		}
	}
	return cmd, value
}

func flagOf(app *cli.App, cmd *cli.Command, word string) cli.Flag {
	name, _, _ := strings.Cut(strings.TrimLeft(word, "-"), "=")
	if cmd != nil {
		if f := find(cmd.Flags, name); f != nil {
			return f
		}
	}
	return find(app.Flags, name)
}

func flagsOf(app *cli.App, cmd *cli.Command) (names []string) {
	flags := app.Flags
	if cmd != nil {
		flags = slices.Concat(cmd.Flags, flags)
	}
	for _, f := range append(slices.Clone(flags), cli.HelpFlag) {
		names = append(names, "--"+f.Names()[0])
	}
	return names
}

func namesOf(app *cli.App) (names []string) {
	for _, c := range app.Commands {
		if !c.Hidden {
			names = append(names, c.Name)
		}
	}
	return names
}

// valuesOf are the values that a flag may have, where they are few.
func valuesOf(f cli.Flag) []string {
	switch f := f.(type) {
	case *choiceFlag:
		return f.among
	case *cli.StringFlag:
		if f.Name == "policy" {
			return limits.BuiltinNames()
		}
	}
	return nil
}

func takesValue(f cli.Flag) bool {
	_, isBool := f.(*cli.BoolFlag)
	return !isBool
}
