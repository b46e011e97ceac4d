package devnet

import "syscall"

// attributes: a group of its own, so that the terminal's Ctrl-C reaches the network
// only through its parent, and death with the thread that started it.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
