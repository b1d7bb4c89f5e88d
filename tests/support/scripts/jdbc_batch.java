import java.sql.*;
import java.util.*;

/** A batch through a gateway. Arguments: URL, user, password. The table is t(id, name, at). */
public class JdbcBatch {
  public static void main(String[] args) throws Exception {
    try (Connection c = DriverManager.getConnection(args[0], args[1], args[2]);
        PreparedStatement p = c.prepareStatement("INSERT INTO t(id, name, at) VALUES (?, ?, ?)")) {
      for (int id = 1; id <= 3; id++) {
        p.setInt(1, id);
        p.setString(2, id == 2 ? null : "n" + id + " ✓");
        p.setTimestamp(3, Timestamp.valueOf("2024-02-29 10:11:1" + id));
        p.addBatch();
      }
      System.out.println("batch " + p.executeBatch().length);
    }
  }
}
