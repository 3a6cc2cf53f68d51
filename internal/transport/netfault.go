package transport

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"syscall"

	"github.com/tandemdb/tandem/internal/fault"
)

// netFaults maps the system's error numbers to faults.
var netFaults = []struct {
	errno syscall.Errno
	fault *fault.Error
}{
	{connRefused, fault.ConnectionRefused.Try("check that the peer is listening at this port")},
	{connReset, fault.ConnectionReset},
	{connAborted, fault.ConnectionAborted},
	{netReset, fault.NetworkReset},
	{netDown, fault.NetworkDown},
	{netUnreachable, fault.NetworkUnreachable},
	{notConnected, fault.NotConnected},
	{hostDown, fault.HostDown},
	{hostUnreachable, fault.HostUnreachable},
	{addrNotAvailable, fault.AddressUnavailable},
	{brokenPipe, fault.BrokenPipe},
	{timedOut, fault.Timeout},
	{tooManyFiles, tooManyConnections()},
	{systemTooMany, tooManyConnections()},
}

func tooManyConnections() *fault.Error {
	return fault.TooManyFiles.Try("close some connections, or raise the limit of the system (ulimit -n)")
}

// netFault turns an error of the network into a fault; errors.Is still finds the cause.
func netFault(err error) *fault.Error {
	if known := fault.Of(err); known != nil {
		return known
	}
	var dns *net.DNSError
	if errors.As(err, &dns) {
		return dnsFault(dns)
	}
	for _, known := range netFaults {
		if errors.Is(err, known.errno) {
			return known.fault.Because(shortly(err))
		}
	}
	var errno syscall.Errno
	switch {
	case isTimeout(err):
		return fault.Timeout.Try("check that the peer can be reached from this network").Because(err)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fault.ConnectionReset.Says("the peer hung up").Because(err)
	case errors.As(err, &errno):
		return fault.New(fault.POSIX, int(errno), "").Because(err)
	}
	return fault.NetworkUnknown.Because(err)
}

// shortly makes the text of a failed dialing or listening the address alone, if the error has one: the fault
// says the rest.
func shortly(err error) error {
	var op *net.OpError
	if errors.As(err, &op) && (op.Op == "dial" || op.Op == "listen") && op.Addr != nil {
		return shortError{err, op.Addr.String()}
	}
	return err
}

// shortError is an error with another text.
type shortError struct {
	error
	text string
}

func (e shortError) Error() string { return e.text }
func (e shortError) Unwrap() error { return e.error }

// dnsFault distinguishes a name that does not exist from a failed lookup.
func dnsFault(err *net.DNSError) *fault.Error {
	if err.IsNotFound {
		return fault.UnknownHost.Says("no such host").Try("check the host's name for a typing error").Because(shortError{err, err.Name})
	}
	return fault.DNSFailure.Try("check this device's network connection").Because(err)
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) ||
		errors.As(err, &timeout) && timeout.Timeout()
}
