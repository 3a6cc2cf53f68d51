package transport

import (
	"syscall"

	"golang.org/x/sys/windows"
)

// The system's error numbers that map to faults.
const (
	connRefused      = windows.WSAECONNREFUSED
	connReset        = windows.WSAECONNRESET
	connAborted      = windows.WSAECONNABORTED
	netReset         = windows.WSAENETRESET
	netDown          = windows.WSAENETDOWN
	netUnreachable   = windows.WSAENETUNREACH
	notConnected     = windows.WSAENOTCONN
	hostDown         = windows.WSAEHOSTDOWN
	hostUnreachable  = windows.WSAEHOSTUNREACH
	addrInUse        = windows.WSAEADDRINUSE
	addrNotAvailable = windows.WSAEADDRNOTAVAIL
	brokenPipe       = syscall.ERROR_BROKEN_PIPE
	timedOut         = windows.WSAETIMEDOUT
	accessDenied     = windows.WSAEACCES
	tooManyFiles     = windows.WSAEMFILE
	systemTooMany    = windows.WSAENOBUFS
)
