//go:build unix

package main

import (
	"syscall"

	"github.com/rogpeppe/go-internal/testscript"
)

// scriptCommands are the commands of the scripts; some need signals.
func scriptCommands() map[string]func(*testscript.TestScript, bool, []string) {
	commands := commonCommands()
	commands["hangup"] = signalled(syscall.SIGHUP)
	commands["interrupt"] = signalled(syscall.SIGINT)
	commands["terminate"] = signalled(syscall.SIGTERM)
	commands["unread"] = unread
	return commands
}
