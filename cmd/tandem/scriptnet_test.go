package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/tandemdb/tandem"
)

// canMakeNetworks reports whether this machine lets the tests make network namespaces.
func canMakeNetworks() bool {
	if os.Geteuid() != 0 {
		return false
	}
	probe := "tandem-" + strings.ToLower(rand.Text()[:6])
	if exec.Command("ip", "netns", "add", probe).Run() != nil {
		return false
	}
	made := exec.Command("ip", "-n", probe, "link", "add", "br0", "type", "bridge").Run() == nil
	return exec.Command("ip", "netns", "del", probe).Run() == nil && made
}

// lan NAME... makes a network of machines with the addresses 10.77.0.1, 10.77.0.2 and so on, and puts the name of each
// machine's namespace into the variable NAME. Two switches, 0 and 1, have no link with each other; all machines are
// connected with switch 0.
func lan(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: lan name...")
	}
	prefix := "tandem-" + strings.ToLower(rand.Text()[:6]) + "-"
	add := func(name string) {
		ip(ts, "netns", "add", prefix+name)
		ts.Defer(func() { _ = exec.Command("ip", "netns", "del", prefix+name).Run() })
	}
	add("lan")
	ts.Setenv("LAN", prefix+"lan")
	for _, bridge := range []string{"switch0", "switch1"} {
		ip(ts, "-n", prefix+"lan", "link", "add", bridge, "type", "bridge")
		ip(ts, "-n", prefix+"lan", "link", "set", bridge, "up")
	}
	for i, name := range args {
		add(name)
		machine := prefix + name
		ip(ts, "link", "add", "to-"+name, "netns", prefix+"lan", "type", "veth", "peer", "name", "eth0", "netns", machine)
		ip(ts, "-n", prefix+"lan", "link", "set", "to-"+name, "master", "switch0", "up")
		ip(ts, "-n", machine, "address", "add", fmt.Sprintf("10.77.0.%d/24", i+1), "dev", "eth0")
		ip(ts, "-n", machine, "link", "set", "eth0", "up")
		ip(ts, "-n", machine, "link", "set", "lo", "up")
		ts.Setenv(name, machine)
	}
}

// plug NAME 0|1 connects a machine with the other switch; plug NAME out pulls the cable at the switch, which the machine
// does not notice.
func plug(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: plug name switch|out")
	}
	if args[1] == "out" {
		ip(ts, "-n", ts.Getenv("LAN"), "link", "set", "to-"+args[0], "nomaster")
		return
	}
	ip(ts, "-n", ts.Getenv("LAN"), "link", "set", "to-"+args[0], "master", "switch"+args[1])
}

func ip(ts *testscript.TestScript, args ...string) {
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		ts.Fatalf("ip %s: %v: %s", strings.Join(args, " "), err, out)
	}
}

// agree DB... waits until databases have the same documents, the deleted ones included, with the same revisions.
func agree(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: agree database...")
	}
	var all []string
	for deadline := time.Now().Add(timeout); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		all = all[:0]
		for _, name := range args {
			content, err := allDocuments(ts.MkAbs(name))
			ts.Check(err)
			all = append(all, content)
		}
		if len(slices.Compact(slices.Clone(all))) == 1 {
			return
		}
	}
	ts.Fatalf("the databases do not agree:\n%s", strings.Join(all, "\n\n"))
}

func allDocuments(path string) (content string, err error) {
	db, err := tandem.Open(context.Background(), path, tandem.Options{MustExist: true})
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	coll, err := db.DefaultCollection(context.Background())
	if err != nil {
		return "", err
	}
	var lines []string
	for doc, err := range coll.AllWithDeleted(context.Background()) {
		if err != nil {
			return "", err
		}
		lines = append(lines, doc.ID()+" "+doc.RevisionID()+" "+string(doc.Body()))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n"), nil
}
