// Package peer runs Witan and other people's programs beside it, each in a folder of its own and
// on a free port of this machine.
package peer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// Patience is how long anything may take that happens at once on an idle machine.
const Patience = 30 * time.Second

// Process is a program that was started here and is ended by its process id.
type Process struct {
	cmd  *exec.Cmd
	name string
	log  string
	done chan struct{}
}

// Start runs a program; what it prints goes to the file log.
func Start(log, program string, arguments ...string) (*Process, error) {
	file, err := os.OpenFile(log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	cmd := exec.Command(program, arguments...)
	cmd.Stdout, cmd.Stderr = file, file
	// It ends with us, whatever ends us.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("%s: %w", program, err)
	}
	p := &Process{cmd: cmd, name: program, log: log, done: make(chan struct{})}
	go func() {
		cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// Printed is all that the program printed, in this run and in those before it with the same log.
func (p *Process) Printed() string {
	text, _ := os.ReadFile(p.log)
	return string(text)
}

// Running tells whether the program still runs.
func (p *Process) Running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// Done is closed when the program has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// PID is the process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Stop interrupts the program and waits for its end; one that does not end is killed.
func (p *Process) Stop() {
	if !p.Running() {
		return
	}
	p.cmd.Process.Signal(os.Interrupt)
	select {
	case <-p.done:
	case <-time.After(Patience):
		p.Kill()
	}
}

// Kill ends the program at once.
func (p *Process) Kill() {
	p.cmd.Process.Signal(syscall.SIGKILL)
	<-p.done
}

// Await asks, ever again, whether something has happened, for as long as the program runs.
func (p *Process) Await(what string, happened func() bool) error {
	for end := time.Now().Add(Patience); ; time.Sleep(10 * time.Millisecond) {
		if happened() {
			return nil
		}
		if !p.Running() {
			return fmt.Errorf("%s ended before %s:\n%s", p.name, what, p.Printed())
		}
		if time.Now().After(end) {
			return fmt.Errorf("%s: no %s within %v:\n%s", p.name, what, Patience, p.Printed())
		}
	}
}

// FreeAddress is an address of this machine on which nobody listens.
func FreeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer listener.Close()
	return listener.Addr().String(), nil
}

// Listens tells whether somebody accepts connections there.
func Listens(network, address string) bool {
	connection, err := net.DialTimeout(network, address, time.Second)
	if err != nil {
		return false
	}
	connection.Close()
	return true
}

// Run runs a program to its end and gives what it printed; an exit code other than 0 is an error
// that quotes it.
func Run(program string, arguments ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*Patience)
	defer cancel()
	var printed bytes.Buffer
	cmd := exec.CommandContext(ctx, program, arguments...)
	cmd.Stdout, cmd.Stderr = &printed, &printed
	if err := cmd.Run(); err != nil {
		return printed.String(), fmt.Errorf("%s %q: %w:\n%s", program, arguments, err, printed.String())
	}
	return printed.String(), nil
}

// Answer is what a server said.
type Answer struct {
	Status int
	Type   string
	Body   []byte
}

var client = &http.Client{Timeout: Patience}

// Get asks for a resource.
func Get(url string) (Answer, error) { return answer(client.Get(url)) }

// Post sends a body.
func Post(url, body string) (Answer, error) {
	return answer(client.Post(url, "text/plain", bytes.NewReader([]byte(body))))
}

// GetOK is the body of an answer with status 200; any other is an error.
func GetOK(url string) ([]byte, error) {
	got, err := Get(url)
	if err == nil && got.Status != http.StatusOK {
		err = fmt.Errorf("GET %s: status %d: %s", url, got.Status, got.Body)
	}
	return got.Body, err
}

func answer(response *http.Response, err error) (Answer, error) {
	if err != nil {
		return Answer{}, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 16<<20))
	if err != nil {
		return Answer{}, err
	}
	if len(body) == 16<<20 {
		return Answer{}, errors.New("an answer of 16 MiB or more")
	}
	return Answer{response.StatusCode, response.Header.Get("Content-Type"), body}, nil
}
