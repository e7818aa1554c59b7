"""Alerts of the whole service: at once, once, to the configured receiver alone, and not lost when it is killed."""

from __future__ import annotations

import hl7
import pytest
from alert_peers import mllp_server
from helpers import free_port, wait_until
from pydicom import dcmread
from service_process import service

from dicomnode.settings import Destination
from dicomnode.store.alerts import AlertState

NAME = "Zyxwv^Quentin"
STAGES = {
    "before results and alert are kept": "dicomnode.store.alerts:insert_alerts",
    "before the message leaves": "dicomnode.node.doors:send_alert",
    "the receiver has it and we do not know": "dicomnode.store.alerts:AlertStore.acknowledged",
}


def channel(port: int) -> str:
    """Settings of a channel to a receiver on this machine."""
    return f'[send.alerts.ris]\nkind = "hl7"\nhost = "127.0.0.1"\nport = {port}\ntimeout_s = 2\n'


def wait_for_alert(node, state: AlertState = AlertState.ACKNOWLEDGED) -> dict:
    """Wait until the one alert is in a state, and return it."""
    stores = node.stores()

    def there() -> bool:
        return [state] == [row["state"] for row in stores.alerts.list()]

    try:
        wait_until(there, timeout_s=60, what=f"an alert is {state}\n{node.log_text}")
        return stores.alerts.list()[0]
    finally:
        stores.engine.dispose()


@pytest.mark.parametrize("stage", STAGES)
def test_a_kill_loses_no_alert(tmp_path, a_head_ct, stage):
    """Killed at a stage and started again, the service tells once; what was told twice has one control ID."""
    with mllp_server("AA") as server, service(tmp_path / "node", extra=channel(server.port)) as node:
        node.start(fault=STAGES[stage])
        node.send(*a_head_ct)
        node.wait_for_fault()
        node.kill()
        sent = len(server.got)
        node.start()
        alert = wait_for_alert(node)
        node.stop()

    assert sent == (1 if "has it" in stage else 0)
    assert sent + 1 == len(server.got)
    assert {alert["control_id"]} == {str(hl7.parse(text).segment("MSH")[10]) for text in server.got}


def test_an_alert_waits_for_no_destination(tmp_path, a_head_ct):
    """With the PACS away, the alert is acknowledged all the same; the service calls these two addresses only."""
    pacs = Destination(ae_title="PACS", host="127.0.0.1", port=free_port())
    for path in a_head_ct:
        ds = dcmread(path)
        ds.PatientName, ds.PatientID = NAME, "PID-99-SECRET"
        ds.save_as(tmp_path / path.name)
    with mllp_server("AA") as server:
        with service(tmp_path / "node", extra=channel(server.port), destination=pacs) as node:
            node.start()
            node.send(*(tmp_path / path.name for path in a_head_ct))
            alert = wait_for_alert(node)
            stores = node.stores()
            (job,) = stores.jobs.list()
            stores.engine.dispose()
            node.stop()

        assert "IN PROGRESS" == job["state"], "its results still wait for the PACS"
        assert alert["acknowledged_at"] is not None
        assert "Zyxwv^Quentin" in server.got[0]
        called = set(node.connect_log.read_text().splitlines())
        assert {str(("127.0.0.1", port)) for port in (server.port, pacs.port)} >= called
    assert "alert acknowledged" in node.log_text
    assert not any(secret in node.log_text for secret in ("Zyxwv", "PID-99-SECRET"))


def test_what_waits_for_a_channel_that_was_removed_is_given_up_at_the_start(tmp_path, a_head_ct):
    """An operator who removes a channel sees what it was never told."""
    with service(tmp_path / "node", extra=channel(free_port())) as node:
        node.start()
        node.send(*a_head_ct)
        wait_for_alert(node, AlertState.WAITING)
        node.stop()
        text = node.settings_path.read_text()
        node.settings_path.write_text(text.replace(text[text.index("[send.alerts") :], ""))
        node.start()
        alert = wait_for_alert(node, AlertState.FAILED)
        node.stop()

    assert "the channel is no longer in the settings" == alert["reason"]
