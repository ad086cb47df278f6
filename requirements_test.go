package mirrorgw_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// requirements names, for each one to the router (A), under load (B) and of faults (C), the tests that fail when it is broken: those of
// the packages in the folders before them. Each of the router's was broken in several ways, and each time one of its tests failed.
const requirements = `
A1   TTL down by one, Time Exceeded           forwarder TestTimeExceeded TestForwardedFramesAreUntouched FuzzDataPath cmd/mirrorgw TestRouterA1TTL
A2   ICMP errors are limited                  forwarder TestErrorsAreLimited TestErrorLimitOverall TestErrorsOfOneBatch TestTooBigIsLimited cmd/mirrorgw TestRouterA2ErrorLimits
A3   no ICMP error about errors and groups    forwarder TestNoErrorAbout TestTooBigIsLimited cmd/mirrorgw TestRouterA3NoErrors
A4   header checks                            forwarder TestMalformed TestLink FuzzDataPath
A5   martians                                 forwarder TestMartians cmd/mirrorgw TestRouterA5Martians
A6   forged sources                           forwarder TestDirections TestRoutes TestTwoRoutersAreOneOutside cmd/mirrorgw TestRouterA6Spoofing
A7   frames for us alone                      forwarder TestLink TestBatch cmd/mirrorgw TestRouterA7OwnOutput
A8   no ping-pong                             forwarder TestDirections TestTwoRoutersAreOneOutside cmd/mirrorgw TestRouterA8PingPong
A9   no redirect, sent or obeyed              forwarder TestDirections TestOwn cmd/mirrorgw TestRouterA9Redirects
A10  no source: client                        cmd/mirrorgw/config TestErrors
A11  fragments pass untouched                 forwarder TestFragments TestTCPFragmentsGoOn TestForwardedFramesAreUntouched cmd/mirrorgw TestRouterA11Fragments
A12  fragments carry no mail                  forwarder TestFragmentsCarryNoTCP TestTCPFragmentsThatDoNotFollow TestTCPFragmentsLaw TestTCPFragmentsAreBounded TestOrphanFragmentsCostNothing TestFragmentsForTheGatewayAreLimited TestHeaderChains cmd/mirrorgw TestRouterA12TCPFragments TestRouterA12OrphanFragments
A13  too big                                  forwarder TestTooBig TestFragmentation TestFragmentationOfRandomPackets TestErrorsAboutInterceptedFlows TestErrorsAboutOwnPackets stack TestPathMTUShrinks TestForgedICMPErrorsAreIgnored cmd/mirrorgw TestRouterA13PathMTU TestRouterA13OwnMTU TestRouterA13ForgedMTU
A14  options and extension headers            forwarder TestIntercept TestHeaderChains cmd/mirrorgw TestRouterA14Options
A15  header checksum                          forwarder TestLowerTTLChecksumEqualsFullComputation TestForwardedFramesAreUntouched cmd/mirrorgw TestRouterA17Transparency
A16  no panic                                 forwarder FuzzDataPath TestPanicCostsOneFrame cmd/mirrorgw TestRouterA16MutatedFrames
A17  everything else identical                forwarder TestForwardedFramesAreUntouched TestOtherProtocolsPass TestOffloadIsCarriedThrough cmd/mirrorgw TestRouterA17Transparency
A18  neighbours                               forwarder TestRouterCannotBeForged TestOnlyAnswersTeach TestOnLinkNeighbour TestOwn TestNeighbourFlood TestClientFlood TestForgedSendersCostLittle TestForeignAdvertisement
A19  segments of unknown flows                forwarder TestIntercept cmd/mirrorgw TestRouterA19UnknownFlows
B1   sessions at once, and idle               cmd/mirrorgw TestConcurrentSessions TestIdleSessions TestManySessions
B2   new connections                          cmd/mirrorgw TestConcurrentSessions
B3   clients that stop reading                stack TestBufferSizes forwarder/pop3 TestStalledClient cmd/mirrorgw TestStalledClients
B4   SYN floods                               forwarder TestSYNLimit TestSYNLimitSparesWhoFinishes TestOnlySYNsAreLimited TestSYNFloodOfForgedClients stack TestSYNFlood TestFloodLeavesRoomForTheHonest cmd/mirrorgw TestRouterB4SYNFlood
B5   black holes                              stack TestBlackHoleKeepsNobodyElse TestDialSlots TestDialSlotsGivenUp forwarder/pop3 TestSilentServers
B6   slow clients                             forwarder/pop3 TestSlowClients p38-login-total p38-command p38-autologout
B7   sessions of one client                   stack TestLimitPerClient TestLimitOfFlows TestLimitOfRate cmd/mirrorgw TestLimitsInTheLab
B8   lengths of lines                         forwarder/pop3 TestOneLineOf100MB TestCommandLengths TestStatusLengths session-bad-commands
B9   huge mails                               forwarder/pop3 TestSlowMessageIsHeardOf p27-too-large-tag cmd/mirrorgw TestHugeMail
B10  100,000 messages                         forwarder/pop3 TestListsOf100000Messages TestUIDsAreBounded cmd/mirrorgw TestBigListsOverASlowLink
B11  archive bombs                            scanner TestExpect TestOpenersAreBounded scanner/archive TestBombs TestBombsThatLie TestQuine
B12  MIME bombs                               scanner TestBombsEndSoon TestLimits
B13  memory that fills up                     cmd/mirrorgw/gateway TestMemoryGuard TestMemoryGauge cmd/mirrorgw TestMemoryGuardInTheLab
C1   clamd down                               scanner TestEscalation scanner/clamd TestReplies TestDaemonAway cmd/mirrorgw TestClamdRepliesInTheLab
C2   clamd restarting                         scanner/clamd TestDaemonAway cmd/mirrorgw TestClamdInTheLab
C3   clamd hanging                            scanner/clamd TestDaemonHangs cmd/mirrorgw TestClamdInTheLab
C4   clamd full                               scanner/clamd TestParallel
C5   clamd weak                               scanner/clamd TestCheckRealClamd cmd/mirrorgw TestClamdInTheLab
C6   rules bad or slow                        scanner/yara TestBadRules TestOutOfTimeIsAnError cmd/mirrorgw TestReloadUnderLoad TestSessionsKeepTheRulesTheyBeganWith
C7   disk full                                scanner TestSpoolFails TestSpoolLeavesReserve TestFullQuarantineRefuses scanner/quarantine TestFullDisk TestKeepFails TestMax TestReserve forwarder/pop3 TestSpoolFails
C8   the server fails within a mail           forwarder/pop3 TestServerFailsWithinMessage p07-truncated
C9   the client is gone                       forwarder/pop3 TestClientGoneWithinRetrieval TestClientGoneWithinDelivery
C10  the device goes down                     forwarder TestRun stack TestLinkFlaps TestLinkSetDownStaysDown cmd/mirrorgw TestGatewayOutlivesItsDevice TestRouterC10LinkFlaps
C11  the device is deleted                    stack TestDeviceIsOpenedAgain cmd/mirrorgw TestGatewayOutlivesItsDevice
C12  SIGTERM                                  stack TestDrainWaitsForFlowsAndRefusesNewOnes forwarder/pop3 TestDrainWhileItDrips cmd/mirrorgw TestDrain TestRouterC17Restart
C13  SIGHUP                                   cmd/mirrorgw TestReload TestHangUpReloads TestReloadUnderLoad TestSessionsKeepTheRulesTheyBeganWith
C14  kill -9                                  scanner/quarantine TestKill TestLeftovers cmd/mirrorgw TestKillAnywhere
C15  a panic in one session                   forwarder/pop3 TestPanicEndsOneSession scanner TestOneEngineAtFault
C16  descriptors and clocks                   forwarder/pop3 TestTimesAreMonotonic cmd/mirrorgw TestFewDescriptors
C17  outage budget                            cmd/mirrorgw TestRouterC17Restart
`

// A row without a test, or with one that is not there, is a requirement that nobody holds.
func TestEveryRequirementHasItsTest(t *testing.T) {
	seen := checkRows(t, requirements, "")
	var want []string
	for letter, last := range map[string]int{"A": 19, "B": 13, "C": 17} {
		for i := 1; i <= last; i++ {
			want = append(want, fmt.Sprintf("%s%d", letter, i))
		}
	}
	for _, row := range want {
		if !seen[row] {
			t.Errorf("row %s is missing", row)
		}
	}
}

// checkRows has each row of a table begin with its name and name a test that is there: words such as TestX, FuzzX and p01-x are tests of
// the package in the folder before them, or else in the folder first. It returns the names.
func checkRows(t *testing.T, table, first string) (seen map[string]bool) {
	t.Helper()
	seen = make(map[string]bool)
	known := make(map[string]map[string]bool)
	for line := range strings.Lines(strings.TrimSpace(table)) {
		fields := strings.Fields(line)
		folder, tests := first, 0
		for _, word := range fields[1:] {
			switch {
			case isRoom(word):
				folder = word
			case named.MatchString(word):
				if known[folder] == nil {
					known[folder] = testsIn(t, folder)
				}
				if tests++; !known[folder][word] {
					t.Errorf("row %s: there is no %s in %s", fields[0], word, folder)
				}
			}
		}
		if tests == 0 {
			t.Errorf("row names no test: %s", line)
		}
		if seen[fields[0]] {
			t.Errorf("row %s is there twice", fields[0])
		}
		seen[fields[0]] = true
	}
	return seen
}

// isRoom says whether a word of a table is the folder of a package.
func isRoom(word string) bool {
	return slices.ContainsFunc(rooms, func(r room) bool { return r.dir == word })
}

// named matches the name of a test, a fuzz target or a transcript.
var named = regexp.MustCompile(`^(Test|Fuzz)\w+$|^(p\d\d|g\d|i\d|session|released)-[a-z0-9-]+$`)

// testsIn returns the names of the tests, fuzz targets and transcripts in a folder.
func testsIn(t *testing.T, dir string) map[string]bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no tests in %s: %v", dir, err)
	}
	function := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(\w+ \*testing\.[TF]\) \{`)
	names := make(map[string]bool)
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range function.FindAllSubmatch(content, -1) {
			names[string(match[1])] = true
		}
	}
	transcripts, err := filepath.Glob(filepath.Join(dir, "testdata", "*.txt"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range transcripts {
		names[strings.TrimSuffix(filepath.Base(path), ".txt")] = true
	}
	return names
}
