package fault_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"syscall"
	"testing"

	"github.com/tandemdb/tandem/internal/fault"
)

var notFound = fault.New(fault.WebSocket, 404, "")

func TestAnErrorSaysWhatFailedOnWhatAndWhy(t *testing.T) {
	for want, err := range map[string]*fault.Error{
		"WebSocket error 404":                    notFound,
		"gone":                                   notFound.Says("gone"),
		"EOF":                                    notFound.Because(io.EOF),
		"gone: EOF":                              notFound.Says("gone").Because(io.EOF),
		"get document: WebSocket error 404":      notFound.In("get document", ""),
		"milk: gone":                             notFound.In("", "milk").Says("gone"),
		"get document milk: no 7: EOF":           notFound.In("get document", "milk").Says("no %d", 7).Because(io.EOF),
		"get document milk: gone (not the hint)": notFound.In("get document", "milk").Says("gone (not the hint)").Try("look"),
	} {
		if got := err.Error(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestErrorsAreTheSameByDomainAndCode(t *testing.T) {
	wrapped := fmt.Errorf("pull: %w", notFound.In("get document", "milk").Because(io.EOF))
	for name, x := range map[string]struct {
		target error
		want   bool
	}{
		"the same, said otherwise": {fault.New(fault.WebSocket, 404, "other words"), true},
		"the cause":                {io.EOF, true},
		"another code":             {fault.New(fault.WebSocket, 403, ""), false},
		"another domain":           {fault.New(fault.HTTP, 404, ""), false},
		"no error of ours":         {io.ErrUnexpectedEOF, false},
	} {
		if got := errors.Is(wrapped, x.target); got != x.want {
			t.Errorf("%s: got %t, want %t", name, got, x.want)
		}
	}
}

func TestAnErrorIsNotChangedByWhatIsMadeOfIt(t *testing.T) {
	original := fault.New(fault.Network, 3, "slow")
	before := *original
	_ = original.In("dial", "host")
	_ = original.Says("late")
	_ = original.Because(io.EOF)
	_ = original.Try("wait")
	if *original != before {
		t.Errorf("got %+v, want %+v", *original, before)
	}
}

func TestAboutAddsOnlyWhatIsMissing(t *testing.T) {
	for name, x := range map[string]struct {
		err  error
		want string
	}{
		"an error that does not say":  {notFound.Says("gone"), "get milk: gone"},
		"an error that says":          {notFound.In("read", "bread").Says("gone"), "read bread: gone"},
		"an error around one of ours": {fmt.Errorf("pull: %w", notFound.Says("gone")), "pull: gone"},
		"an error of others":          {io.EOF, "EOF"},
	} {
		if got := fault.About(x.err, "get", "milk").Error(); got != x.want {
			t.Errorf("%s: got %q, want %q", name, got, x.want)
		}
	}
	if err := fault.About(nil, "get", "milk"); err != nil {
		t.Errorf("nil: got %v, want nil", err)
	}
}

func TestTheFirstHintOfAChainCounts(t *testing.T) {
	for name, x := range map[string]struct {
		err  error
		want string
	}{
		"nil":               {nil, ""},
		"none":              {fmt.Errorf("pull: %w", notFound), ""},
		"of others":         {io.EOF, ""},
		"one":               {fmt.Errorf("pull: %w", notFound.Try("look")), "look"},
		"of the cause":      {notFound.Because(notFound.Try("look")), "look"},
		"of the outer":      {notFound.Try("first").Because(notFound.Try("second")), "first"},
		"behind a stdlib":   {notFound.Because(fmt.Errorf("dial: %w", notFound.Try("look"))), "look"},
		"the second joined": {errors.Join(io.EOF, notFound, fmt.Errorf("x: %w", notFound.Try("look"))), "look"},
		"of the code":       {fmt.Errorf("pull: %w", fault.New(fault.WebSocket, 1011, "")), "look into the log of the peer"},
		"before the code's": {fault.New(fault.WebSocket, 1011, "").Because(notFound.Try("look")), "look"},
	} {
		if got := fault.HintOf(x.err); got != x.want {
			t.Errorf("%s: got %q, want %q", name, got, x.want)
		}
	}
}

func TestErrorsThatPassAreThoseOfTheTables(t *testing.T) {
	for name, x := range map[string]struct {
		err                error
		transient, network bool
	}{
		"nil":                   {nil, false, false},
		"without a code":        {context.Canceled, false, false},
		"not found":             {notFound, false, false},
		"busy":                  {fmt.Errorf("pull: %w", fault.New(fault.WebSocket, 503, "")), true, false},
		"connection lost":       {fault.New(fault.WebSocket, 1006, ""), true, false},
		"timeout":               {fault.New(fault.POSIX, int(syscall.ETIMEDOUT), ""), true, true},
		"network unreachable":   {fault.New(fault.POSIX, int(syscall.ENETUNREACH), ""), false, true},
		"unknown host":          {fault.New(fault.Network, 2, ""), false, true},
		"the same code of TLS":  {fault.New(fault.TLS, 2, ""), false, false},
		"an untrusted root":     {fault.CertUnknownRoot, false, false},
		"no route for a moment": {fault.New(fault.Network, 3, ""), true, true},
	} {
		if got := fault.IsTransient(x.err); got != x.transient {
			t.Errorf("%s: transient is %t, want %t", name, got, x.transient)
		}
		if got := fault.IsNetworkDependent(x.err); got != x.network {
			t.Errorf("%s: network dependent is %t, want %t", name, got, x.network)
		}
	}
}

// Codes that come from a network or a peer's goodbye have no text of ours around them.
func TestBareCodesHaveHints(t *testing.T) {
	codes := map[fault.Domain][]int{fault.WebSocket: {1001, 1002, 1003, 1006, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1015, 4001, 4002}}
	for code := 1; code <= 27; code++ {
		switch code {
		case 7, 8, 9, 10, 11, 14, 15: // of certificates: found where they are checked, with hints of their own
			continue
		}
		codes[fault.Network] = append(codes[fault.Network], code)
	}
	for domain, list := range codes {
		for _, code := range list {
			if fault.HintOf(fault.New(domain, code, "")) == "" {
				t.Errorf("%s %d has no hint", domain, code)
			}
		}
	}
}
