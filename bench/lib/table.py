"""Rounds into medians, medians into a table."""

from statistics import median


def spread(values, digits=1):
    """median (min-max)"""
    if not values:
        return "-"
    return f"{median(values):.{digits}f} ({min(values):.{digits}f}-{max(values):.{digits}f})"


def ratio(ours, theirs, goal):
    """ours / theirs beside its goal."""
    if not ours or not theirs:
        return "-"
    value = median(ours) / median(theirs)
    return f"{value:.2f} (goal <= {goal:.2f}: {'met' if value <= goal else 'not met'})"


class Rounds:
    """The rounds of each peer; those that do not count are kept apart, with the reason."""

    def __init__(self):
        self.good, self.bad = {}, {}

    def add(self, peer, values, why_not=None):
        (self.bad if why_not else self.good).setdefault(peer, []).append((values, why_not))

    def enough(self, peers, wanted):
        return all(len(self.good.get(peer, [])) >= wanted for peer in peers)

    def of(self, peer, what):
        """The values of the rounds that count; where none does, of all."""
        rounds = self.good.get(peer) or self.bad.get(peer, [])
        return [values[what] for values, _ in rounds]

    def mark(self, peer):
        return str(len(self.good[peer])) if self.good.get(peer) else f"0 of {len(self.bad.get(peer, []))} *"

    def remarks(self):
        out = []
        for peer, rounds in self.bad.items():
            reasons = [why for _, why in rounds]
            for why in sorted(set(reasons)):
                out.append(f"thrown away: {peer}, {reasons.count(why)} x {why}")
        if any(peer not in self.good for peer in self.bad):
            out.append("* no round of this peer counted; the figures are those of the rounds thrown away")
        return out


def show(title, columns, rows, remarks):
    rows = [columns] + rows
    widths = [max(len(row[i]) for row in rows) for i in range(len(columns))]
    print(f"\n{title}\n")
    for number, row in enumerate(rows):
        print("| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |")
        if number == 0:
            print("|" + "|".join("-" * (width + 2) for width in widths) + "|")
    print()
    for remark in remarks:
        print("- " + remark)
