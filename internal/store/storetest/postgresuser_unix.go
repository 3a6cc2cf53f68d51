//go:build unix

package storetest

import (
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"syscall"
)

// owner returns the user that runs the server: PostgreSQL refuses to run as root.
func owner() (uid, gid int, ok bool) {
	if os.Geteuid() != 0 {
		return 0, 0, false
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, failed := strconv.Atoi(u.Uid)
		gid, alsoFailed := strconv.Atoi(u.Gid)
		if failed == nil && alsoFailed == nil {
			return uid, gid, true
		}
	}
	return 0, 0, false
}

func give(folder string) error {
	if uid, gid, ok := owner(); ok {
		return os.Chown(folder, uid, gid)
	}
	return nil
}

func become(cmd *exec.Cmd) {
	if uid, gid, ok := owner(); ok {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}} //nolint:gosec // IDs of users
	}
}
