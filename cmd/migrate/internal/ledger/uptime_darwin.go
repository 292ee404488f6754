package ledger

import (
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

var boot = sync.OnceValue(func() string {
	id, err := unix.Sysctl("kern.bootsessionuuid")
	if err != nil {
		return ""
	}
	return id
})

// uptime is how long the system has been up, sleep included, and which start of it
// this is; "" when it does not tell.
func uptime() (string, time.Duration) {
	var ts unix.Timespec
	if unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts) != nil {
		return "", 0
	}
	return boot(), time.Duration(ts.Nano())
}
