package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/cli/browser"
	"github.com/spf13/cobra"
)

func newConsole(a *app) *cobra.Command {
	var open bool
	c := &cobra.Command{
		Use:   "console DB",
		Short: "Print a link to the page of a running serve",
		Long: "console prints a link that logs you in to the page of the tandem serve that runs on the database with\n" +
			"--rest --page, as this machine's admin: once, within ten minutes. It reads the login and the\n" +
			"address that serve has written into the folder of its first database. Where serve has users, they\n" +
			"log in to the page with their passwords.",
		Example: "  tandem console travel\n  tandem console travel --open",
		Args:    cobra.ExactArgs(1),
		RunE: a.do(func(ctx context.Context, args []string) error {
			link, err := pageLink(ctx, args[0])
			if err != nil {
				return err
			}
			fmt.Fprintln(a.out, link)
			if open {
				browser.Stdout, browser.Stderr = nothing{}, nothing{} //nolint:reassign // the library has no other way
				if err := browser.OpenURL(link); err != nil {
					return withHint(err, "open the link by yourself")
				}
			}
			return nil
		}),
	}
	c.Flags().BoolVar(&open, "open", false, "also open it in a browser")
	return c
}

// addressFileName is the file with the address of HTTP, beside the login of the admin.
const addressFileName = "rest-address"

// pageLink asks the serve that runs on a database for a link to its page.
func pageLink(ctx context.Context, path string) (string, error) {
	folder := strings.TrimSuffix(filepath.Clean(path), databaseEnding) + databaseEnding
	login, err := os.ReadFile(filepath.Join(folder, adminFileName))
	var address []byte
	if err == nil {
		address, err = os.ReadFile(filepath.Join(folder, addressFileName))
	}
	if err != nil {
		return "", withHint(fmt.Errorf("no tandem serve without users runs on %s with --rest --page", path),
			"start tandem serve "+path+" --rest --page; where serve has users, log in at /_tandem/ with a password")
	}
	return askForLink(ctx, strings.TrimSpace(string(address)), string(login))
}

// linkTime bounds the wait for a serve that does not answer.
const linkTime = 10 * time.Second

func askForLink(ctx context.Context, address, login string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, linkTime)
	defer cancel()
	u, err := url.Parse(address)
	if err != nil {
		return "", err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, u.JoinPath("_page_link").String(), bytes.NewReader([]byte("{}")))
	if err != nil {
		return "", err
	}
	r.Header.Set("Content-Type", "application/json")
	words := strings.Fields(login) // machine HOST login NAME password WORD …
	if len(words) < 6 {
		return "", fmt.Errorf("the file %s cannot be read", adminFileName)
	}
	r.SetBasicAuth(words[3], words[5])
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return "", withHint(fmt.Errorf("ask %s for a link: %w", address, err), "see whether tandem serve still runs")
	}
	defer answer.Body.Close()
	var got struct{ Path, Reason, Hint string }
	if err := json.NewDecoder(answer.Body).Decode(&got); err != nil {
		return "", fmt.Errorf("ask %s for a link: %w", address, err)
	}
	if answer.StatusCode != http.StatusCreated {
		return "", withHint(fmt.Errorf("%s gives no link: %s", address, got.Reason), got.Hint)
	}
	return strings.TrimSuffix(address, "/") + got.Path, nil
}
