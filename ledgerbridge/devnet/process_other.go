//go:build !linux

package devnet

import "syscall"

// attributes: a group of its own. Only Linux ends children with their parent.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
