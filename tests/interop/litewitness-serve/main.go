// litewitness-serve runs litewitness with logs that it is told, for benchmarks: it makes the
// database, is the ssh-agent that holds the key, and starts the program.
//
//	litewitness-serve DIR
//
// DIR/logs holds a line for each log: vkey, size and root in base64, between spaces; the origin is
// the vkey's name. DIR/vkey gets the witness's key, DIR/storage how its database is synced, and
// DIR/address its URL, once it serves. It ends with litewitness, or at an interrupt or SIGTERM.
package main

import (
	"bufio"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"witan.test/interop/peer"
)

func readLogs(path string) ([]peer.KnownLog, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var logs []peer.KnownLog
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		var log peer.KnownLog
		if _, err := fmt.Sscan(lines.Text(), &log.VKey, &log.Size, &log.Root); err != nil {
			return nil, fmt.Errorf("%s: %q: %w", path, lines.Text(), err)
		}
		log.Origin, _, _ = strings.Cut(log.VKey, "+")
		logs = append(logs, log)
	}
	return logs, lines.Err()
}

func run(dir string) error {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt, syscall.SIGTERM)
	logs, err := readLogs(filepath.Join(dir, "logs"))
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	w, err := peer.MakeLitewitness(filepath.Join(filepath.Dir(self), "litewitness"), dir,
		"bench.example/litewitness", logs)
	if err != nil {
		return err
	}
	defer w.Close()
	storage, err := w.Storage()
	if err != nil {
		return err
	}
	if err := w.Start(); err != nil {
		return err
	}
	for _, file := range [][2]string{{"vkey", w.VKey}, {"storage", storage}, {"address", w.URL}} {
		// Renamed into place, for others wait for the last one.
		path := filepath.Join(dir, file[0])
		if err := os.WriteFile(path+".new", []byte(file[1]+"\n"), 0o644); err != nil {
			return err
		}
		if err := os.Rename(path+".new", path); err != nil {
			return err
		}
	}
	select {
	case <-stop:
		return nil
	case <-w.Done():
		return fmt.Errorf("litewitness ended:\n%s", w.Printed())
	}
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: litewitness-serve DIR")
		os.Exit(2)
	}
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "litewitness-serve:", err)
		os.Exit(1)
	}
}
