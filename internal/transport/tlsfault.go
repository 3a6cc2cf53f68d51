package transport

import (
	"crypto/tls"
	"errors"
	"net"
	"reflect"

	"github.com/tandemdb/tandem/internal/fault"
)

// The alerts that concern the client's certificate (RFC 8446 §6).
const (
	alertNoCertificate       = 41
	alertBadCertificate      = 42
	alertUnknownCA           = 48
	alertAccessDenied        = 49
	alertCertificateRequired = 116
)

// tlsFault turns an error of the handshake, or of the first read after it, into a fault.
func tlsFault(err error) *fault.Error {
	if known := fault.Of(err); known != nil {
		return known
	}
	var plain tls.RecordHeaderError
	if errors.As(err, &plain) {
		return fault.TLSHandshake.Says("the peer does not speak TLS").Because(err).
			Try("use ws:// if the peer has TLS turned off")
	}
	if alert, ok := remoteAlert(err); ok {
		return alertFault(alert).Because(err)
	}
	var network *net.OpError
	if isTimeout(err) || errors.As(err, &network) {
		return netFault(err)
	}
	return fault.TLSHandshake.Because(err)
}

func alertFault(alert int) *fault.Error {
	switch {
	case alert == alertNoCertificate || alert == alertCertificateRequired:
		return fault.CertRequired.Try("give the replicator a client certificate")
	case isAboutCertificate(alert):
		return fault.CertRejected.Try("use a client certificate that the listener trusts")
	}
	return fault.TLSHandshake
}

// clientFault returns the reason why a handshake with a client failed.
func clientFault(err error) error {
	if known := fault.Of(err); known != nil {
		return known
	}
	if alert, ok := remoteAlert(err); ok && isAboutCertificate(alert) {
		return fault.CertUntrusted.Says("the client does not trust the certificate of this listener").Because(err)
	}
	return fault.TLSHandshake.Because(err)
}

func isAboutCertificate(alert int) bool {
	return alert >= alertBadCertificate && alert < 47 || alert == alertUnknownCA || alert == alertAccessDenied
}

// remoteAlert returns the alert that the peer sent. It needs reflection, since the standard library
// does not export the type.
func remoteAlert(err error) (int, bool) {
	var op *net.OpError
	if !errors.As(err, &op) || op.Op != "remote error" {
		return 0, false
	}
	v := reflect.ValueOf(op.Err)
	if v.Kind() != reflect.Uint8 {
		return 0, false
	}
	return int(v.Uint()), true
}
