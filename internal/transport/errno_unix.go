//go:build !windows

package transport

import "syscall"

// The system's error numbers that map to faults.
const (
	connRefused      = syscall.ECONNREFUSED
	connReset        = syscall.ECONNRESET
	connAborted      = syscall.ECONNABORTED
	netReset         = syscall.ENETRESET
	netDown          = syscall.ENETDOWN
	netUnreachable   = syscall.ENETUNREACH
	notConnected     = syscall.ENOTCONN
	hostDown         = syscall.EHOSTDOWN
	hostUnreachable  = syscall.EHOSTUNREACH
	addrInUse        = syscall.EADDRINUSE
	addrNotAvailable = syscall.EADDRNOTAVAIL
	brokenPipe       = syscall.EPIPE
	timedOut         = syscall.ETIMEDOUT
	accessDenied     = syscall.EACCES
	tooManyFiles     = syscall.EMFILE
	systemTooMany    = syscall.ENFILE
)
