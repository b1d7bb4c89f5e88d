import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.sql.*;
import java.util.*;

/**
 * A JDBC driver through a gateway. Arguments: URL, user, password, a slow query. Lines of standard input are statements to
 * run, as a GUI runs them at its start; then the driver's metadata calls, and what applications do.
 */
public class JdbcSession {
  public static void main(String[] args) throws Exception {
    try (Connection c = DriverManager.getConnection(args[0], args[1], args[2])) {
      BufferedReader in = new BufferedReader(new InputStreamReader(System.in, "UTF-8"));
      int ran = 0;
      for (String line; (line = in.readLine()) != null;) {
        if (line.isBlank()) continue;
        try (Statement s = c.createStatement()) {
          if (s.execute(line)) try (ResultSet r = s.getResultSet()) { while (r.next()) r.getObject(1); }
          ran++;
        } catch (SQLException e) {
          System.out.println("failed " + e.getSQLState() + " " + e.getMessage().split("\n")[0] + ": " + line);
        }
      }
      System.out.println("statements " + ran);
      metadata(c);
      application(c, args[3]);
    }
  }

  static void metadata(Connection c) throws SQLException {
    DatabaseMetaData m = c.getMetaData();
    System.out.println("product " + m.getDatabaseProductName() + " " + m.getDatabaseMajorVersion());
    System.out.println("tables " + names(m.getTables(c.getCatalog(), null, "%", new String[] {"TABLE"}), "TABLE_NAME"));
    System.out.println("columns " + names(m.getColumns(c.getCatalog(), null, "orders", "%"), "COLUMN_NAME"));
    System.out.println("primary " + names(m.getPrimaryKeys(c.getCatalog(), c.getSchema(), "orders"), "COLUMN_NAME"));
    System.out.println("imported " + names(m.getImportedKeys(c.getCatalog(), c.getSchema(), "orders"), "PKTABLE_NAME"));
    System.out.println("exported " + names(m.getExportedKeys(c.getCatalog(), c.getSchema(), "customers"), "FKTABLE_NAME"));
    System.out.println("indexes " + (names(m.getIndexInfo(c.getCatalog(), c.getSchema(), "orders", false, true), "INDEX_NAME").size() > 0));
    names(m.getSchemas(), "TABLE_SCHEM");
    names(m.getCatalogs(), "TABLE_CAT");
    names(m.getTypeInfo(), "TYPE_NAME");
    names(m.getProcedures(c.getCatalog(), null, "%"), "PROCEDURE_NAME");
    names(m.getFunctions(c.getCatalog(), null, "%"), "FUNCTION_NAME");
    names(m.getTablePrivileges(c.getCatalog(), null, "orders"), "PRIVILEGE");
  }

  static List<String> names(ResultSet r, String column) throws SQLException {
    TreeSet<String> found = new TreeSet<>();
    while (r.next()) { String name = r.getString(column); if (name != null && !name.startsWith("pg_") && !name.startsWith("sql_")) found.add(name); }
    r.close();
    return new ArrayList<>(found);
  }

  static void application(Connection c, String slow) throws Exception {
    // Often enough for a driver to change from unnamed to named statements, and to binary transfer.
    try (PreparedStatement p = c.prepareStatement("SELECT id, note FROM orders WHERE id = ?")) {
      for (int round = 0; round < 12; round++) {
        p.setInt(1, round % 2 + 1);
        try (ResultSet r = p.executeQuery()) { r.next(); if (round == 11) System.out.println("prepared " + r.getInt(1) + " " + r.getString(2)); }
      }
    }
    c.setAutoCommit(false);
    try (Statement s = c.createStatement()) {
      s.setFetchSize(100);
      int rows = 0;
      try (ResultSet r = s.executeQuery("SELECT a.id FROM numbers a ORDER BY a.id")) { while (r.next()) rows++; }
      System.out.println("fetched " + rows);
    }
    Savepoint point = c.setSavepoint();
    try (Statement s = c.createStatement()) {
      s.executeQuery("SELECT 1 / 0");
    } catch (SQLException e) {
      System.out.println("error " + e.getSQLState());
      c.rollback(point);
    }
    try (Statement s = c.createStatement()) {
      s.executeUpdate("DROP TABLE orders");
    } catch (SQLException e) {
      System.out.println("refused " + e.getSQLState() + " " + e.getMessage().contains("refuses DROP"));
    }
    c.rollback();
    c.setAutoCommit(true);
    c.setReadOnly(true);
    c.setReadOnly(false);
    c.setTransactionIsolation(Connection.TRANSACTION_REPEATABLE_READ);
    System.out.println("valid " + c.isValid(10));
    try (Statement s = c.createStatement()) {
      s.setQueryTimeout(1);
      s.executeQuery(slow);
      System.out.println("never");
    } catch (SQLException e) {
      System.out.println("timeout " + e.getSQLState());
    }
    try (Statement s = c.createStatement(); ResultSet r = s.executeQuery("SELECT id FROM orders WHERE id = 1")) {
      r.next();
      System.out.println("after " + r.getInt(1));
    }
  }
}
