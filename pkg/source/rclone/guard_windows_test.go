package rclone

import "os"

func fakeParent() { panic("not on Windows") }

func alive(pid int) bool {
	p, err := os.FindProcess(pid)
	if err != nil {
		return false
	}
	_ = p.Release()
	return true
}
