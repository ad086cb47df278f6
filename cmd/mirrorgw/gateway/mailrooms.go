package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"mirrorgw/cmd/mirrorgw/config"
	"mirrorgw/cmd/mirrorgw/engines"
	"mirrorgw/forwarder/pop3"
	"mirrorgw/scanner"
	"mirrorgw/scanner/neutral"
	"mirrorgw/scanner/notice"
	"mirrorgw/scanner/spam"
	"mirrorgw/scanner/yara"
)

// mailRooms are the rooms that need the engines, built for one configuration. A reload builds new ones beside them; sessions
// that began with these end with them, and the last one closes their engine.
type mailRooms struct {
	cfg     *config.Config
	engine  *yara.Engine
	others  engines.Others
	spam    *spam.Marker      // nil: nothing is marked
	neutral *neutral.Rewriter // nil: HTML is delivered as it came
	notice  *notice.Composer
	judge   *scanner.Judge
	scanner *scanner.Scanner
	relays  []*pop3.Relay // by index of the rule

	sessions int // guarded by Mirror.mu
}

// maxOlder bounds the rooms kept for sessions that began before a reload, each with its rule set in memory.
const maxOlder = 8

// openMail builds the first rooms.
func (m *Mirror) openMail(ctx context.Context) error {
	rooms, err := m.newMailRooms(ctx, m.cfg, nil)
	if err != nil {
		return err
	}
	m.moveIn(rooms)
	return nil
}

// newMailRooms compiles the rules of cfg, tests the engine and builds the rooms behind it. They count on where those of before,
// which may be nil, have come to.
func (m *Mirror) newMailRooms(ctx context.Context, cfg *config.Config, before *mailRooms) (_ *mailRooms, err error) {
	engine, err := yara.New(engines.YARA(cfg.Scan.YARA, m.confineWorkers, &m.workers, m.log))
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, engine.Close())
		}
	}()
	if err := scanner.SelfTest(ctx, engine); err != nil {
		return nil, err
	}
	others, err := m.othersAfter(ctx, cfg, before)
	if err != nil {
		return nil, err
	}
	sc, err := engines.Scanner(cfg, m.spoolOf(cfg), append([]scanner.Engine{engine}, others.List()...), m.scanTimes.Observe, m.log)
	if err != nil {
		return nil, err
	}
	rooms := &mailRooms{cfg: cfg, engine: engine, others: others, scanner: sc}
	newJudge, newComposer := scanner.NewJudge, notice.New
	if before != nil {
		newJudge, newComposer = before.judge.Successor, before.notice.Successor
	}
	if rooms.notice, err = newComposer(noticeConfig(cfg, m.version, m.log)); err != nil {
		return nil, fmt.Errorf("notice.template: %w", err) // the one thing that can be wrong with it by now
	}
	judging := scanner.JudgeConfig{
		Scanner: sc, Keeper: m.hunter, Composer: rooms.notice, Policy: cfg.Scan.Policy, Shadow: cfg.Shadow, Retries: m.retries, Allowances: m.store, Ledger: m.history, Log: m.log,
	}
	if rooms.spam, err = m.markerAfter(ctx, cfg, before); err != nil {
		return nil, err
	}
	if rooms.spam != nil {
		judging.Marker = timedMarker{rooms.spam, &m.scanTimes}
	}
	if rooms.neutral = newRewriter(cfg, m.spoolOf(cfg), before, m.log); rooms.neutral != nil {
		judging.Rewriter = rooms.neutral
	}
	if cfg.Notice.KeepRest {
		judging.Parts = rooms.notice
	}
	if rooms.judge, err = newJudge(judging); err != nil {
		return nil, err
	}
	if rooms.relays, err = m.newRelays(cfg, rooms.judge, before); err != nil {
		return nil, err
	}
	return rooms, nil
}

// newRelays builds a relay for each rule of cfg.
func (m *Mirror) newRelays(cfg *config.Config, j *scanner.Judge, before *mailRooms) (relays []*pop3.Relay, err error) {
	released, judge := newReleases(m.store.Folder, m.log), watchedJudge{j, m}
	for i, rule := range cfg.Intercept {
		mode := pop3.Hide
		if rule.STLS == config.STLSPass {
			mode = pop3.Pass
		}
		foreign := pop3.CloseNotPOP3
		if rule.NotPOP3 == config.NotPOP3Pass {
			foreign = pop3.PassNotPOP3
		}
		newRelay := pop3.New
		if before != nil {
			newRelay = before.relays[i].Successor
		}
		relay, err := newRelay(pop3.Config{
			STLS: mode, NotPOP3: foreign, Drip: rule.Drip, Budget: rule.Budget, Pad: rule.Pad, Spool: m.spoolOf(cfg),
			Judge: judge, Early: judge, Unscanned: m.noteUnread, Releases: released,
			Shadow: cfg.Shadow, Log: m.log,
		})
		if err != nil {
			return nil, fmt.Errorf("rule %q: %w", rule.Name, err)
		}
		relays = append(relays, relay)
	}
	return relays, nil
}

// noticeConfig says how the notices of a configuration are written.
func noticeConfig(cfg *config.Config, version string, log *slog.Logger) notice.Config {
	var libraries []string
	for _, e := range engines.Versions() {
		libraries = append(libraries, e.Detail)
	}
	host, err := os.Hostname()
	if err != nil {
		log.Warn("notices cannot name this host", "error", err)
	}
	c := notice.Config{Language: cfg.Notice.Language, Template: cfg.Notice.Template, HostName: host, Version: version, Engines: strings.Join(libraries, ", "), Log: log}
	for _, l := range cfg.Notice.Languages {
		c.ByClient = append(c.ByClient, notice.Choice{Clients: l.Clients, Language: l.Language})
	}
	return c
}

// moveIn has sessions begin in rooms from now on.
func (m *Mirror) moveIn(rooms *mailRooms) {
	m.mu.Lock()
	old := m.mail
	m.mail = rooms
	idle := old != nil && old.sessions == 0
	if old != nil && !idle {
		m.older++
	}
	m.mu.Unlock()
	select {
	case m.moved <- struct{}{}:
	default: // told already
	}
	if rooms.cfg.Shadow {
		m.log.Warn("shadow mode: mail is judged and logged, and delivered whatever is found")
	}
	if idle {
		m.closeEngine(old)
	}
}

// enter returns the rooms a session begins in, nil before there are any. leave must follow.
func (m *Mirror) enter() *mailRooms {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.mail != nil {
		m.mail.sessions++
	}
	return m.mail
}

// leave ends a session in rooms, which may be nil.
func (m *Mirror) leave(rooms *mailRooms) {
	if rooms == nil {
		return
	}
	m.mu.Lock()
	rooms.sessions--
	last := rooms != m.mail && rooms.sessions == 0
	if last {
		m.older--
	}
	m.mu.Unlock()
	if last {
		m.closeEngine(rooms)
	}
}

func (m *Mirror) closeEngine(rooms *mailRooms) {
	if err := rooms.engine.Close(); err != nil {
		m.log.Warn("closing the engine of an older configuration", "error", err)
	}
}

// Reload has new sessions begin with what next and its rules say, which differs from the configuration before only in what may
// change. On an error nothing has changed.
//
// Errors: what is wrong with next's rules or engines; that the gateway is not ready, that it ends, or that too many older configurations are
// still in use.
func (m *Mirror) Reload(ctx context.Context, next *config.Config) error {
	m.reloading.Lock()
	defer m.reloading.Unlock()
	m.mu.RLock()
	now, older, ending := m.mail, m.older, m.ending
	m.mu.RUnlock()
	switch {
	case ending:
		return errors.New("the gateway is ending")
	case now == nil:
		return errors.New("the gateway is still starting")
	case older >= maxOlder:
		return fmt.Errorf("sessions of %d older configurations are still running: try again when they have ended", maxOlder)
	}
	rooms, err := m.newMailRooms(ctx, next, now)
	if err != nil {
		return err
	}
	if err := m.store.SetLimits(limitsOf(next.Quarantine)); err != nil {
		return errors.Join(err, rooms.engine.Close())
	}
	m.takeOnLimits(next)
	m.moveIn(rooms)
	m.hunter.reloaded()
	return nil
}

// spoolOf returns the spool in which mails are held, which all share one quota.
func (m *Mirror) spoolOf(cfg *config.Config) scanner.Spool {
	spool := cfg.Spool
	spool.Quota = &m.quota
	return spool
}
