package main

import (
	"strings"

	"github.com/spf13/cobra"
)

// envPassword is the environment variable that a password may come from.
const envPassword = "TANDEM_PASSWORD"

// passwordFlag is the flag --password-file. No flag takes a password itself, because other users
// can see command lines.
type passwordFlag struct{ file string }

func (f *passwordFlag) add(c *cobra.Command) {
	c.Flags().StringVar(&f.file, "password-file", "",
		"`file` whose first line is the password; - is standard input (default $"+envPassword+" or a prompt)")
}

// password returns the password from the file, the environment or a prompt.
func (f *passwordFlag) password(a *app, prompt string) (string, error) {
	if f.file != "" {
		return a.firstLine(f.file)
	}
	if password, err := environment(envPassword); password != "" || err != nil {
		return password, err
	}
	if a.keyboard == nil {
		return "", usageError{
			text: "there is no " + prompt,
			hint: "give it with --password-file or in the environment variable " + envPassword,
		}
	}
	return a.askSecret(prompt)
}

// loginFlags are the flags --user and --password-file.
type loginFlags struct {
	user string
	passwordFlag
}

func (f *loginFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.user, "user", "", "`name` of the user")
	f.passwordFlag.add(c)
}

// login returns user and password; both are "" if no user is given.
func (f *loginFlags) login(a *app) (user, password string, err error) {
	if f.user == "" {
		if f.file != "" {
			return "", "", usage("--password-file needs --user")
		}
		return "", "", nil
	}
	if strings.Contains(f.user, ":") {
		return "", "", usage("--user %s: a user's name cannot hold a colon", f.user)
	}
	password, err = f.password(a, "password of "+f.user)
	return f.user, password, err
}
