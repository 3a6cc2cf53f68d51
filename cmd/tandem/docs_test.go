package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/tandemdb/tandem"
)

func readDoc(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestE20OperationHasAllVariablesAndStatuses(t *testing.T) {
	text := readDoc(t, "docs/operation.md")
	for _, name := range []string{envPassword, envKeyFile, tandem.IdentityFolderVariable, tandem.IdentityPassphraseVariable} {
		if !strings.Contains(text, "\n| `"+name+"` | ") {
			t.Errorf("docs/operation.md has no variable %s", name)
		}
	}
	for _, status := range []int{statusDone, statusFailed, statusUsage, statusInterrupted, statusTerminated} {
		if row := "\n| " + strconv.Itoa(status) + " | "; !strings.Contains(text, row) || !strings.Contains(statusHelp, strconv.Itoa(status)+"  ") {
			t.Errorf("docs/operation.md or the help has no status %d", status)
		}
	}
}

// The command lines of the documentation have no flag or command that there is not. Placeholders stay.
func TestE20CommandLinesOfTheDocumentationParse(t *testing.T) {
	lines := regexp.MustCompile("(?:^|[`/ ]|\n)tandem ([a-z][^`\n|;&]*)")
	tried := 0
	for _, name := range []string{"README.md", "docs/operation.md", "docs/backup.md", "docs/tutorial.md", "docs/queries.md", "docs/mesh.md", "docs/hub.md", "docs/fleet.md", "docs/page.md", "docs/protocol/joining.md", "docs/rest.md", "SECURITY.md"} {
		for _, match := range lines.FindAllStringSubmatch(readDoc(t, name), -1) {
			command, _, _ := strings.Cut(match[1], " > ")
			words := strings.Fields(command)
			c, rest, err := newRoot(&app{}).Find(words)
			if err != nil || !c.HasParent() {
				continue // prose about tandem
			}
			tried++
			for _, word := range rest {
				flag, ok := strings.CutPrefix(word, "--")
				if flag, _, _ = strings.Cut(strings.TrimRight(flag, ".,;:)"), "="); !ok || flag == "" {
					continue
				}
				c.InitDefaultHelpFlag()
				if c.Flags().Lookup(flag) == nil && c.InheritedFlags().Lookup(flag) == nil {
					t.Errorf("%s: %s has no flag --%s: tandem %s", name, c.CommandPath(), flag, command)
				}
			}
		}
	}
	if tried < 30 {
		t.Errorf("%d command lines were tried, want all", tried)
	}
}
